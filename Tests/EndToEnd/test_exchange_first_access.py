"""Exchanges into apps the user was never in, and exchanges of exchanges (contract §3)."""

import pytest

from harness.load import at_once
from harness.tokens import claims_of


@pytest.mark.parametrize("policy", ["open", "auto_on_first_access"])
def test_first_access_makes_a_member_where_the_app_admits(workspace, person, policy):
    app = f"first-{policy.split('_')[0]}"
    workspace.create_app(app, signup_policy=policy)
    workspace.wait_until_served()
    assert workspace.membership(person.id, app) is None
    assert workspace.exchange(person.token(), app).status == 200
    assert workspace.membership(person.id, app) == "active"


def test_many_first_accesses_at_once_make_one_member_and_all_succeed(workspace):
    workspace.create_app("crowded")
    workspace.wait_until_served()
    person = workspace.sign_up()
    token = person.token()
    exchange = workspace.installation.exchange

    def call(_):
        client = exchange.client()
        try:
            return client.post(
                workspace.sessions_path, headers=workspace.exchange_headers(token), json={"app_id": "crowded"}
            )
        finally:
            client.close()

    answers = at_once(16, call)
    assert [answer.status for answer in answers] == [200] * 16, answers
    assert workspace.membership(person.id, "crowded") == "active"


def test_a_chain_of_exchanges_reaches_depth_eight_and_no_further(workspace, person):
    token, depth = person.token(), 0
    apps = ["beta", "acme"]
    while True:
        answer = workspace.exchange(token, apps[depth % 2])
        if answer.status != 200:
            break
        depth += 1
        assert depth <= 8
        token = answer.json["access"]
        assert len(workspace.session(claims_of(token)["sid"])["ancestors"]) == depth
    assert depth == 8
    assert (answer.status, answer.code) == (403, "lineage_too_deep")


def test_the_child_ends_no_later_than_its_source(workspace):
    person = workspace.sign_up()
    token = person.token()
    workspace.database.execute(
        "UPDATE sessions SET expires_at = now() + interval '10 minutes' WHERE workspace_id = %s AND id = %s",
        workspace.uuid,
        claims_of(token)["sid"],
    )
    session = workspace.exchange(token).json
    parent = workspace.session(claims_of(token)["sid"])
    child = workspace.session(claims_of(session["access"])["sid"])
    assert child["expires_at"] <= parent["expires_at"]
    assert claims_of(session["refresh"])["exp"] <= parent["expires_at"].timestamp() + 1


def test_a_person_who_signs_up_in_two_workspaces_is_two_people(installation, workspace, person):
    other = installation.workspace()
    twin = other.sign_up(email=person.email)
    assert twin.id != person.id
    assert claims_of(other.exchange(twin.token()).json["access"])["wid"] == other.id
