"""The app-scoped session API: who the user is, their sessions, and the end of them (contract §4)."""

import threading
import uuid

import pytest

from harness.appapi import AppAPI
from harness.load import at_once
from harness.tokens import claims_of
from harness.waiting import until


def sid(session):
    return claims_of(session["access"])["sid"]


def test_current_user_says_who_it_is(beta, person):
    user = beta.current_user(person.exchanged()["access"]).json["user"]
    assert user["id"] == person.id
    assert user["email"] == person.email
    assert user["name"] == person.name
    assert "password_hash" not in user and "password" not in str(user)


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "], ids=repr)
def test_current_user_takes_the_token_with_or_without_the_word_bearer(beta, person, prefix):
    assert beta.current_user(prefix + person.exchanged()["access"]).status == 200


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"], ids=repr)
def test_current_user_without_a_token_is_401(beta, token):
    answer = beta.current_user(token)
    assert answer.status == 401
    assert answer.json["error"] and answer.json["request_id"]
    assert "bearer" in (answer.header("WWW-Authenticate") or "").lower()


def test_a_token_of_another_app_is_401_everywhere(acme, beta, person):
    source, session = person.token(), person.exchanged()
    assert beta.current_user(source).status == 401
    assert acme.current_user(session["access"]).status == 401
    assert beta.verify_access(source).status == 401
    assert beta.sessions(source).status == 401
    assert beta.sign_out(source).status == 401
    assert beta.end(source, sid(session)).status == 401
    assert acme.verify_refresh(session["refresh"]).status == 401
    assert beta.current_user(session["access"]).status == 200


def test_the_same_app_id_in_another_workspace_is_another_app(exchange, other, beta, person):
    session = person.exchanged()
    theirs = AppAPI(exchange, other.apps["beta"].client_id)
    for answer in (
        theirs.current_user(session["access"]),
        theirs.verify_access(session["access"]),
        theirs.sessions(session["access"]),
        theirs.sign_out(session["access"]),
    ):
        assert answer.status == 401
    assert beta.current_user(session["access"]).status == 200


def test_verify_access_says_yes_and_then_no(beta, somebody):
    session = somebody.exchanged()
    assert 200 <= beta.verify_access(session["access"]).status < 300
    assert beta.verify_access(session["refresh"]).status == 401
    beta.sign_out(session["access"])
    assert beta.verify_access(session["access"]).status == 401


def test_signing_out_ends_this_session_at_once_and_a_second_time_is_401(beta, somebody):
    session, other_session = somebody.exchanged(), somebody.exchanged()
    answer = beta.sign_out(session["access"])
    assert answer.status in (200, 204), answer
    assert beta.sign_out(session["access"]).status == 401
    assert beta.current_user(session["access"]).status == 401
    assert beta.refresh(session["refresh"]).status == 401
    assert beta.current_user(other_session["access"]).status == 200


def test_signing_out_ends_all_descendants_before_it_answers(workspace, exchange, acme, beta, somebody):
    gamma = AppAPI(exchange, workspace.apps["gamma"].client_id)
    root = somebody.token()
    child = workspace.exchange(root, "beta").json
    grandchild = workspace.exchange(child["access"], "gamma").json
    sibling = workspace.exchange(root, "gamma").json
    assert beta.sign_out(child["access"]).status in (200, 204)
    assert gamma.current_user(grandchild["access"]).status == 401
    assert gamma.refresh(grandchild["refresh"]).status == 401
    assert workspace.exchange(grandchild["access"], "acme").status == 401
    # Only downwards: the parent and the sibling live.
    assert gamma.current_user(sibling["access"]).status == 200
    assert acme.current_user(root).status == 200
    rows = [workspace.session(sid(session)) for session in (child, grandchild, sibling)]
    assert [row["revoked_at"] is not None for row in rows] == [True, True, False]


def test_signing_out_of_the_root_ends_the_cookie_and_everything(workspace, acme, beta, somebody):
    root = somebody.token()
    child = workspace.exchange(root, "beta").json
    assert acme.sign_out(root).status in (200, 204)
    assert beta.current_user(child["access"]).status == 401
    assert somebody.browse("GET", "/token").status == 401
    assert somebody.browse("GET", "/get-session").json is None


def test_signing_out_through_the_browser_ends_the_descendants(workspace, beta, somebody):
    child = workspace.exchange(somebody.token(), "beta").json
    assert somebody.browse("POST", "/sign-out", json={}).status == 200
    assert beta.current_user(child["access"]).status == 401
    assert beta.refresh(child["refresh"]).status == 401


def test_the_list_of_sessions_is_the_users_own_in_this_app(workspace, beta, somebody, person):
    mine = {sid(somebody.exchanged()) for _ in range(3)}
    session = somebody.exchanged()
    person.exchanged()
    answer = beta.sessions(session["access"])
    assert answer.status == 200
    listed = answer.json
    assert isinstance(listed, list)
    assert {entry["id"] for entry in listed} == mine | {sid(session)}
    assert "hash" not in answer.text


def test_ended_sessions_are_not_listed(workspace, beta, somebody):
    sessions = [somebody.exchanged() for _ in range(3)]
    beta.sign_out(sessions[0]["access"])
    workspace.database.execute(
        "UPDATE sessions SET expires_at = now() WHERE workspace_id = %s AND id = %s", workspace.uuid, sid(sessions[1])
    )
    listed = {entry["id"] for entry in beta.sessions(sessions[2]["access"]).json}
    assert listed == {sid(sessions[2])}


def test_ending_one_session_ends_that_one_and_its_descendants(workspace, exchange, beta, somebody):
    gamma = AppAPI(exchange, workspace.apps["gamma"].client_id)
    kept, ended = somebody.exchanged(), somebody.exchanged()
    child = workspace.exchange(ended["access"], "gamma").json
    answer = beta.end(kept["access"], sid(ended))
    assert answer.status in (200, 204), answer
    assert beta.current_user(ended["access"]).status == 401
    assert beta.refresh(ended["refresh"]).status == 401
    assert gamma.current_user(child["access"]).status == 401
    assert beta.current_user(kept["access"]).status == 200


def test_nobody_ends_a_session_that_is_not_theirs(workspace, exchange, other, beta, somebody, person):
    mine, theirs = somebody.exchanged(), person.exchanged()
    foreign = other.sign_up().exchanged()
    own_elsewhere = claims_of(somebody.token())["sid"]
    answers = {}
    for name, target in {
        "another user's": sid(theirs),
        "another workspace's": sid(foreign),
        "of another app": own_elsewhere,
        "none": str(uuid.uuid4()),
        "no id": "x",
        "SQL": "'%20OR%20'1'='1",
    }.items():
        answer = beta.end(mine["access"], target)
        answers[name] = answer.status
        assert answer.status == 404, (name, answer)
    assert beta.current_user(theirs["access"]).status == 200
    assert AppAPI(exchange, other.apps["beta"].client_id).current_user(foreign["access"]).status == 200
    assert workspace.session(own_elsewhere)["revoked_at"] is None


def test_many_sign_outs_at_once_end_it_once(exchange, beta, somebody):
    session = somebody.exchanged()

    def sign_out(_):
        client = exchange.client()
        try:
            return client.delete(f"{beta.path}/current_user", headers={"X-Authorization": session["access"]}).status
        finally:
            client.close()

    statuses = at_once(12, sign_out)
    assert set(statuses) <= {200, 204, 401} and any(status in (200, 204) for status in statuses)
    assert beta.current_user(session["access"]).status == 401


def test_a_child_exchanged_while_its_parent_ends_never_outlives_it(workspace, exchange, acme, beta):
    """Many rounds: exchanges race with the sign-out; once that is answered, no child is alive."""
    person = workspace.sign_up()
    made = refused = 0
    for _ in range(25):
        source = person.exchanged("acme")["access"]
        children, stop = [], threading.Event()

        def work():
            client = exchange.client()
            try:
                while not stop.is_set():
                    got = client.post(
                        workspace.sessions_path, headers=workspace.exchange_headers(source), json={"app_id": "beta"}
                    )
                    children.append(got)
                    if got.status != 200:
                        return
            finally:
                client.close()

        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(children) >= 4, 10)
        assert acme.sign_out(source).status in (200, 204)
        ended_at = len(children)
        for child in children[:ended_at]:
            if child.status == 200:
                assert beta.current_user(child.json["access"]).status == 401
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        stop.set()
        for child in children:
            assert child.status in (200, 401), child
            made += child.status == 200
            refused += child.status == 401
            if child.status == 200:
                assert beta.current_user(child.json["access"]).status == 401
                assert beta.refresh(child.json["refresh"]).status == 401
    assert made > 25 and refused >= 25


def test_a_refresh_that_races_with_the_sign_out_never_revives(workspace, exchange, beta, person):
    for _ in range(15):
        session = person.exchanged()
        outcome = at_once(
            4,
            lambda n: (
                exchange.client().delete(f"{beta.path}/current_user", headers={"X-Authorization": session["access"]})
                if n == 0
                else beta.refresh(session["refresh"], client=exchange.client())
            ),
        )
        assert outcome[0].status in (200, 204)
        for answer in outcome[1:]:
            assert answer.status in (200, 401)
            if answer.status == 200:
                assert beta.current_user(answer.json["access"]).status == 401
                assert beta.refresh(answer.json["refresh"]).status == 401


def test_using_a_session_does_not_change_its_absolute_end(workspace, beta, person):
    session = person.exchanged()
    before = workspace.session(sid(session))["expires_at"]
    for _ in range(3):
        session = beta.refresh(session["refresh"]).json
    assert workspace.session(sid(session))["expires_at"] == before
    assert claims_of(session["refresh"])["exp"] <= before.timestamp() + 1
