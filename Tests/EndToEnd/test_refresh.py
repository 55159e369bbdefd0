"""Refresh tokens rotate, forgive a lost answer, and end the tree when they are used twice (contract §4)."""

import time

import pytest

from harness.load import at_once
from harness.tokens import claims_of, header_of

FIELDS = {"access", "refresh", "csrf", "access_expires_at", "refresh_expires_at", "user_id", "key_id"}


def rotate_in_the_past(workspace, session_id, seconds):
    """Sets the moment of the last rotation back, as if so many seconds had gone by since."""
    workspace.database.execute(
        "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => %s) WHERE workspace_id = %s AND id = %s",
        seconds,
        workspace.uuid,
        session_id,
    )


@pytest.fixture
def session(person):
    return person.exchanged()


def sid(session):
    return claims_of(session["access"])["sid"]


def test_answers_the_same_shape_as_an_exchange(beta, person, session):
    answer = beta.refresh(session["refresh"])
    assert answer.status == 200, answer
    assert set(answer.json) == FIELDS
    assert answer.json["user_id"] == person.id
    assert len(answer.json["csrf"]) == 88
    assert header_of(answer.json["access"])["kid"] == answer.json["key_id"]
    assert "no-store" in answer.header("Cache-Control")


def test_rotates_the_refresh_token_and_keeps_the_session(workspace, beta, session):
    renewed = beta.refresh(session["refresh"]).json
    assert renewed["refresh"] != session["refresh"] and renewed["access"] != session["access"]
    assert sid(renewed) == sid(session)
    assert claims_of(renewed["refresh"])["gen"] == claims_of(session["refresh"])["gen"] + 1
    assert workspace.session(sid(session))["generation"] == 2
    assert beta.current_user(renewed["access"]).status == 200


def test_makes_no_row_however_often(workspace, beta, session):
    before = workspace.footprint()
    for _ in range(5):
        session = beta.refresh(session["refresh"]).json
    assert workspace.footprint() == before
    assert claims_of(session["refresh"])["gen"] == 6


def test_the_new_pair_carries_every_claim(workspace, beta, session):
    old, new = claims_of(session["access"]), claims_of(beta.refresh(session["refresh"]).json["access"])
    same = ("iss", "sub", "uuid", "aud", "client_id", "azp", "sid", "aid", "wid", "auth_time", "amr", "scope")
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert new["jti"] != old["jti"] and new["uid"] == new["jti"]


def test_a_client_that_lost_the_answer_gets_a_working_pair(beta, session):
    first = beta.refresh(session["refresh"])
    again = beta.refresh(session["refresh"])
    assert (first.status, again.status) == (200, 200)
    for pair in (first.json, again.json):
        assert beta.current_user(pair["access"]).status == 200
    assert claims_of(again.json["refresh"])["gen"] == claims_of(first.json["refresh"])["gen"]
    assert beta.refresh(again.json["refresh"]).status == 200


def test_a_replay_just_within_the_grace_works(workspace, beta, session):
    beta.refresh(session["refresh"])
    rotate_in_the_past(workspace, sid(session), 20)
    assert beta.refresh(session["refresh"]).status == 200
    assert workspace.session(sid(session))["revoked_at"] is None


def test_a_token_two_generations_old_is_reuse_even_within_the_grace(beta, somebody):
    session = somebody.exchanged()
    second = beta.refresh(session["refresh"]).json
    third = beta.refresh(second["refresh"]).json
    assert beta.refresh(session["refresh"]).status == 401
    assert beta.current_user(third["access"]).status == 401


def test_reuse_after_the_grace_ends_the_whole_tree_and_is_written_down(workspace, exchange, beta, acme):
    person = workspace.sign_up()
    root = person.token()
    session = workspace.exchange(root, "beta").json
    sibling = workspace.exchange(root, "gamma").json
    child = workspace.exchange(session["access"], "acme").json
    stolen = session["refresh"]
    current = beta.refresh(stolen).json
    rotate_in_the_past(workspace, sid(session), 31)
    answer = beta.refresh(stolen)
    assert answer.status == 401, answer
    # Neither the thief nor the owner goes on, in any app.
    assert beta.refresh(current["refresh"]).status == 401
    assert beta.current_user(current["access"]).status == 401
    assert acme.current_user(root).status == 401
    assert acme.current_user(child["access"]).status == 401
    gamma = f"/v1/auth/{workspace.apps['gamma'].client_id}/current_user"
    assert exchange.get(gamma, headers={"X-Authorization": sibling["access"]}).status == 401
    assert person.browse("GET", "/token").status == 401
    ended = workspace.database.value(
        "SELECT count(*) FROM sessions WHERE workspace_id = %s AND user_id = %s AND revoked_at IS NULL",
        workspace.uuid,
        person.id,
    )
    assert ended == 0
    written = [row for row in workspace.audit("session.refresh_reused") if row[0] == f"user:{person.id}"]
    assert len(written) == 1
    assert written[0][1] == f"session:{sid(session)}"


def test_the_audit_chain_is_whole_after_reuse(workspace, beta):
    session = workspace.sign_up().exchanged()
    beta.refresh(session["refresh"])
    rotate_in_the_past(workspace, sid(session), 60)
    beta.refresh(session["refresh"])
    broken = workspace.database.value(
        "SELECT count(*) FROM (SELECT a.hash, a.previous_hash, audit_hash(a) AS computed,"
        " lag(a.hash) OVER (ORDER BY a.sequence) AS before FROM audit_log a WHERE workspace_id = %s) chain"
        " WHERE hash <> computed OR (before IS NOT NULL AND before <> previous_hash)",
        workspace.uuid,
    )
    assert broken == 0


def test_fifty_redemptions_at_once_move_one_generation(workspace, exchange, beta, session):
    def redeem(_):
        client = exchange.client()
        try:
            return beta.refresh(session["refresh"], client=client)
        finally:
            client.close()

    answers = at_once(50, redeem)
    assert all(getattr(answer, "status", None) == 200 for answer in answers), answers
    assert workspace.session(sid(session))["generation"] == 2
    assert {claims_of(answer.json["refresh"])["gen"] for answer in answers} == {2}
    assert all(beta.current_user(answer.json["access"]).status == 200 for answer in answers[:5])


@pytest.mark.parametrize("end", ["revoked", "over", "idle too long", "user disabled", "membership suspended"])
def test_a_session_that_may_no_longer_be_used_is_401_at_once(workspace, beta, somebody, end):
    session = somebody.exchanged()
    where = " WHERE workspace_id = %s AND id = %s"
    if end == "user disabled":
        somebody.disable()
    elif end == "membership suspended":
        somebody.set_membership("beta", "suspended")
    else:
        change = {
            "revoked": "revoked_at = now()",
            "over": "expires_at = now()",
            "idle too long": "last_used_at = now() - interval '8 days'",
        }[end]
        workspace.database.execute(f"UPDATE sessions SET {change}{where}", workspace.uuid, sid(session))
    assert beta.refresh(session["refresh"]).status == 401
    assert beta.verify_refresh(session["refresh"]).status == 401
    assert workspace.session(sid(session))["generation"] == 1


def test_a_suspended_app_refreshes_nothing(workspace, exchange, person):
    app = workspace.create_app("pausing")
    workspace.wait_until_served()
    session = person.exchanged("pausing")
    workspace.change_app("pausing", status="suspended")
    workspace.wait_until_served()
    for name in (app.client_id,):
        answer = exchange.post(f"/v1/auth/{name}/tokens/refresh", headers={"X-Refresh-Token": session["refresh"]})
        assert answer.status in (401, 403, 404), answer


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"], ids=repr)
def test_no_refresh_token_is_401(beta, token):
    assert beta.refresh(token).status == 401
    assert beta.verify_refresh(token).status == 401


def test_a_generation_never_handed_out_is_401_and_ends_nothing(workspace, beta, session):
    ahead = workspace.forge().altered(session["refresh"], gen=7)
    assert beta.refresh(ahead).status == 401
    assert beta.refresh(session["refresh"]).status == 200


def test_an_expired_refresh_token_is_401_and_ends_nothing(workspace, beta, session):
    now = int(time.time())
    expired = workspace.forge().altered(session["refresh"], iat=now - 7200, exp=now - 40)
    assert beta.refresh(expired).status == 401
    assert beta.refresh(session["refresh"]).status == 200


def test_csrf_is_checked_when_it_is_sent(workspace, beta, person, session):
    assert beta.refresh(session["refresh"], csrf=session["csrf"]).status == 200
    session = person.exchanged()
    foreign = person.exchanged()["csrf"]
    wrong = [foreign, session["csrf"][:-4] + "AAA=", "A" * 86 + "==", "x", "%", session["csrf"] * 2]
    for csrf in wrong:
        assert beta.refresh(session["refresh"], csrf=csrf).status in (401, 403), csrf
        assert beta.verify_refresh(session["refresh"], csrf=csrf).status in (401, 403), csrf
    # A refused CSRF token costs nothing: the refresh token is still the current one.
    assert workspace.session(sid(session))["generation"] == 1
    assert beta.refresh(session["refresh"], csrf=session["csrf"]).status == 200


def test_the_csrf_of_a_refresh_answer_is_good_for_the_next(beta, session):
    for _ in range(3):
        answer = beta.refresh(session["refresh"], csrf=session["csrf"])
        assert answer.status == 200, answer
        session = answer.json


def test_verifying_a_refresh_token_does_not_use_it(workspace, beta, session):
    for csrf in (None, session["csrf"]):
        answer = beta.verify_refresh(session["refresh"], csrf=csrf)
        assert 200 <= answer.status < 300, answer
    assert workspace.session(sid(session))["generation"] == 1
    assert beta.verify_refresh(session["access"]).status == 401


def test_a_stale_refresh_token_does_not_verify_and_verifying_it_ends_nothing(workspace, beta, session):
    renewed = beta.refresh(session["refresh"]).json
    rotate_in_the_past(workspace, sid(session), 60)
    assert beta.verify_refresh(session["refresh"]).status == 401
    assert beta.verify_refresh(renewed["refresh"]).status in (200, 204)
    assert workspace.session(sid(session))["revoked_at"] is None


def test_the_app_may_stop_handing_out_refresh_tokens(workspace, exchange, person):
    app = workspace.create_app("turning")
    workspace.wait_until_served()
    refresh = person.exchanged("turning")["refresh"]
    workspace.change_app("turning", refresh_payload=False)
    workspace.wait_until_served()
    answer = exchange.post(f"/v1/auth/{app.client_id}/tokens/refresh", headers={"X-Refresh-Token": refresh})
    assert answer.status == 200 and "refresh" not in answer.json, answer


def test_the_refresh_token_of_another_workspaces_app_of_the_same_id_is_401(exchange, workspace, other, session):
    theirs = f"/v1/auth/{other.apps['beta'].client_id}/tokens/refresh"
    assert exchange.post(theirs, headers={"X-Refresh-Token": session["refresh"]}).status == 401
    assert workspace.session(sid(session))["generation"] == 1
