"""Rules 1 to 4 of contract §3's table, every way to reach them: the documented answer, and nothing written."""

import time
import uuid

import pytest

from harness.refusals import assert_refused, nothing_written
from harness.tokens import claims_of
from harness.waiting import until


# 1: the workspace API key


def wrong_keys(workspace, other):
    unknown = f"scwor_{uuid.uuid4().hex}_" + workspace.api_key.split("_", 2)[2]
    changed = workspace.api_key[:-1] + ("A" if workspace.api_key[-1] != "A" else "B")
    return {
        "missing": None,
        "empty": "",
        "the scheme alone": "Bearer",
        "without the scheme": workspace.api_key,
        "another scheme": f"Basic {workspace.api_key}",
        "two words after the scheme": f"Bearer {workspace.api_key} {workspace.api_key}",
        "of an unknown id": f"Bearer {unknown}",
        "with one character changed": f"Bearer {changed}",
        "cut short": f"Bearer {workspace.api_key[:-1]}",
        "too long": f"Bearer {workspace.api_key}A",
        "in capitals": f"Bearer {workspace.api_key.upper()}",
        "another workspace's": f"Bearer {other.api_key}",
        "the admin token": f"Bearer {workspace.admin_token}",
        "random words": "Bearer not-a-key",
        "SQL": "Bearer scwor_' OR '1'='1_x",
        "4 KiB": "Bearer scwor_" + "a" * 4096,
    }


WRONG_KEYS = [
    "missing",
    "empty",
    "the scheme alone",
    "without the scheme",
    "another scheme",
    "two words after the scheme",
    "of an unknown id",
    "with one character changed",
    "cut short",
    "too long",
    "in capitals",
    "another workspace's",
    "the admin token",
    "random words",
    "SQL",
    "4 KiB",
]


@pytest.mark.parametrize("case", WRONG_KEYS)
def test_no_live_key_of_this_workspace_is_401(exchange, workspace, other, person, case):
    authorization = wrong_keys(workspace, other)[case]
    with nothing_written(workspace):
        answer = exchange.post(
            workspace.sessions_path,
            headers={"Authorization": authorization, "X-Authorization": person.token()},
            json={"app_id": "beta"},
        )
    assert_refused(answer, 401, "workspace_api_key_required")


@pytest.mark.parametrize("change", ["revoked", "expired"])
def test_a_key_that_is_revoked_or_expired_is_401_soon_after(workspace, person, change):
    key = workspace.new_key()
    token = person.token()
    assert workspace.exchange(token, key=key).status == 200
    column = {"revoked": "revoked_at", "expired": "expires_at"}[change]
    workspace.change_key(key, **{column: "now"})
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token, key=key), 401, "workspace_api_key_required")


def test_a_key_that_expires_in_the_future_works_until_then(workspace, person):
    moment = workspace.database.value("SELECT now() + interval '3 seconds'")
    key = workspace.new_key(expires_at=moment)
    token = person.token()
    first = workspace.exchange(token, key=key)
    assert first.status == 200 or time.time() >= moment.timestamp()
    until(lambda: workspace.exchange(token, key=key).status == 401, 8, what="the key has expired")
    assert time.time() >= moment.timestamp() - 0.1


def test_an_app_key_is_401(workspace, person):
    key = workspace.new_key(kind="app", app_id="beta")
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), key=key), 401, "workspace_api_key_required")
    as_workspace_key = key.replace("scapp_", "scwor_")
    assert_refused(workspace.exchange(person.token(), key=as_workspace_key), 401, "workspace_api_key_required")


@pytest.mark.parametrize(
    "name", ["nowhere", "ws_" + "0" * 32, "ws_" + "z" * 32, "x" * 64, "..", "%00", "%2e%2e", "'--"]
)
def test_an_unknown_workspace_is_401_like_a_wrong_key(exchange, workspace, person, name):
    answer = exchange.post(
        f"/v1/workspaces/{name}/sessions", headers=workspace.exchange_headers(person.token()), json={"app_id": "beta"}
    )
    # A path that is no path at all may be 400 or 404; whatever names a workspace is answered like a wrong key.
    if name in ("..", "%00", "%2e%2e"):
        assert answer.status in (400, 401, 404), answer
    else:
        assert_refused(answer, 401, "workspace_api_key_required")


def test_a_suspended_workspace_is_401_like_an_unknown_one(installation):
    workspace = installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    assert workspace.exchange(token).status == 200
    workspace.change(status="suspended")
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 401, "workspace_api_key_required")


def test_all_401s_of_rule_one_are_alike(exchange, workspace, other, person):
    token = person.token()
    bodies = set()
    for authorization in wrong_keys(workspace, other).values():
        answer = exchange.post(
            workspace.sessions_path,
            headers={"Authorization": authorization, "X-Authorization": token, "X-Request-Id": "same"},
            json={"app_id": "beta"},
        )
        bodies.add(answer.body)
    unknown = exchange.post(
        "/v1/workspaces/nowhere/sessions",
        headers=[*workspace.exchange_headers(token), ("X-Request-Id", "same")],
        json={"app_id": "beta"},
    )
    bodies.add(unknown.body)
    assert len(bodies) == 1, bodies


# 2: the key's networks


def test_a_caller_outside_the_keys_networks_is_403(workspace, person):
    key = workspace.new_key(networks=["10.0.0.0/8", "2001:db8::/32"])
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), key=key), 403, "api_key_scope_denied")


@pytest.mark.parametrize("network", ["127.0.0.1/32", "127.0.0.0/8", "0.0.0.0/0"])
def test_a_caller_inside_the_keys_networks_passes(workspace, person, network):
    key = workspace.new_key(networks=["10.0.0.0/8", network])
    assert workspace.exchange(person.token(), key=key).status == 200


def test_a_key_of_no_network_at_all_lets_nobody_in(workspace, person):
    key = workspace.new_key(networks=[])
    assert_refused(workspace.exchange(person.token(), key=key), 403, "api_key_scope_denied")


def test_a_forwarded_address_from_an_untrusted_peer_does_not_count(exchange, workspace, person):
    key = workspace.new_key(networks=["10.0.0.0/8"])
    answer = exchange.post(
        workspace.sessions_path,
        headers=[
            *workspace.exchange_headers(person.token(), key),
            ("X-Forwarded-For", "10.1.2.3"),
            ("Forwarded", "for=10.1.2.3"),
            ("X-Real-IP", "10.1.2.3"),
        ],
        json={"app_id": "beta"},
    )
    assert_refused(answer, 403, "api_key_scope_denied")


# 3: the user token and its session


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "x", "a.b.c", "..", "null", "Bearer null"], ids=repr)
def test_a_user_token_that_is_none_is_401(exchange, workspace, value):
    with nothing_written(workspace):
        answer = exchange.post(
            workspace.sessions_path,
            headers={"Authorization": f"Bearer {workspace.api_key}", "X-Authorization": value},
            json={"app_id": "beta"},
        )
    assert_refused(answer, 401, "invalid_access_token")


def test_a_token_only_in_the_query_or_the_body_does_not_count(exchange, workspace, person):
    token = person.token()
    answer = exchange.post(
        f"{workspace.sessions_path}?access_token={token}&X-Authorization={token}",
        headers={"Authorization": f"Bearer {workspace.api_key}"},
        json={"app_id": "beta", "access_token": token, "access": token},
    )
    assert_refused(answer, 401, "invalid_access_token")


def test_a_refresh_token_is_not_an_access_token(workspace, person):
    refresh = person.exchanged()["refresh"]
    with nothing_written(workspace):
        assert_refused(workspace.exchange(refresh), 401, "invalid_access_token")


def test_an_expired_token_is_401_and_one_within_the_leeway_passes(workspace, person):
    forge, token = workspace.forge(), person.token()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(forge.expired(token, 33)), 401, "invalid_access_token")
    assert workspace.exchange(forge.expired(token, 20)).status == 200


def test_a_machines_token_is_401(workspace, person):
    forge = workspace.forge()
    with nothing_written(workspace):
        for mark in (True, 1, "yes", {}):
            answer = workspace.exchange(forge.altered(person.token(), m2m=mark))
            assert_refused(answer, 401, "invalid_access_token")


@pytest.mark.parametrize(
    "claims",
    [
        {"imp": True, "act": {"sub": "operator", "kind": "backend"}},
        {"imp": True},
        {"act": {"sub": "operator"}},
    ],
    ids=["imp and act", "imp alone", "act alone"],
)
def test_an_impersonators_token_is_401(workspace, person, claims):
    with nothing_written(workspace):
        answer = workspace.exchange(workspace.forge().altered(person.token(), **claims))
    assert_refused(answer, 401, "invalid_access_token")


SESSION_ENDS = {
    "revoked": "UPDATE sessions SET revoked_at = now(), revoked_reason = 'test' WHERE workspace_id = %s AND id = %s",
    "over": "UPDATE sessions SET expires_at = now() WHERE workspace_id = %s AND id = %s",
    "idle too long": "UPDATE sessions SET last_used_at = now() - interval '8 days' WHERE workspace_id = %s AND id = %s",
    "gone": "DELETE FROM sessions WHERE workspace_id = %s AND id = %s",
}


@pytest.mark.parametrize("end", SESSION_ENDS)
def test_a_session_that_has_ended_is_401_at_once(workspace, somebody, end):
    token = somebody.token()
    assert workspace.exchange(token).status == 200
    workspace.database.execute(SESSION_ENDS[end], workspace.uuid, claims_of(token)["sid"])
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 401, "invalid_access_token")


def test_a_session_whose_ancestor_was_revoked_is_401_at_once(workspace, somebody):
    root = somebody.token()
    child = workspace.exchange(root, "beta").json["access"]
    grandchild = workspace.exchange(child, "gamma").json["access"]
    workspace.database.execute(SESSION_ENDS["revoked"], workspace.uuid, claims_of(root)["sid"])
    with nothing_written(workspace):
        for token in (child, grandchild):
            assert_refused(workspace.exchange(token, "acme"), 401, "invalid_access_token")


def test_a_token_naming_another_users_session_is_401(workspace, person, somebody):
    forge = workspace.forge()
    stranger = forge.altered(person.token(), sid=claims_of(somebody.token())["sid"])
    with nothing_written(workspace):
        assert_refused(workspace.exchange(stranger), 401, "invalid_access_token")


def test_a_token_for_a_session_that_never_was_is_401(workspace, person):
    stranger = workspace.forge().altered(person.token(), sid=str(uuid.uuid4()))
    assert_refused(workspace.exchange(stranger), 401, "invalid_access_token")


def test_a_token_signed_by_a_compromised_key_is_401(installation):
    workspace = installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    assert workspace.exchange(token).status == 200
    workspace.force_keys("compromised_at = now()")
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 401, "invalid_access_token")


# 4: the token's workspace, user and source app


def test_a_genuine_token_of_another_workspace_is_403(workspace, other):
    stranger = other.sign_up()
    with nothing_written(workspace), nothing_written(other):
        assert_refused(workspace.exchange(stranger.token()), 403, "workspace_access_denied")


def test_a_disabled_user_is_403_at_once(workspace, somebody):
    token = somebody.token()
    somebody.disable()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 403, "workspace_access_denied")


@pytest.mark.parametrize("status", ["pending_approval", "suspended", "disabled"])
def test_a_member_of_the_source_app_who_is_not_active_is_403_at_once(workspace, somebody, status):
    token = somebody.token()
    somebody.set_membership("acme", status)
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 403, "workspace_access_denied")


def test_a_suspended_source_app_is_403(workspace, person, installation):
    workspace.create_app("closing", groups=["suite"])
    workspace.wait_until_served()
    token = workspace.exchange(person.token(), "closing").json["access"]
    assert workspace.exchange(token).status == 200
    workspace.change_app("closing", status="suspended")
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 403, "workspace_access_denied")


def test_a_token_of_a_source_app_that_is_gone_is_refused(workspace, person):
    workspace.create_app("vanishing")
    workspace.wait_until_served()
    token = workspace.exchange(person.token(), "vanishing").json["access"]
    workspace.database.change("DELETE FROM apps WHERE workspace_id = %s AND id = 'vanishing'", workspace.uuid)
    workspace.wait_until_served()
    answer = workspace.exchange(token)
    # The app's sessions are gone with it, so either rule may be the first to notice.
    assert (answer.status, answer.code) in {(401, "invalid_access_token"), (403, "workspace_access_denied")}, answer
