"""Rules 5 to 10 of contract §3's table, every way to reach them: the documented answer, and nothing written."""

import time

import pytest

from harness.refusals import assert_refused, nothing_written
from harness.tokens import header_of


# 5: the body

BODIES = {
    "empty": (b"", None),
    "not JSON": (b"app_id", None),
    "cut short": (b'{"app_id": "beta"', None),
    "an array": (b'["beta"]', None),
    "a string": (b'"beta"', None),
    "null": (b"null", None),
    "without app_id": (b"{}", "app_id"),
    "app_id null": (b'{"app_id": null}', "app_id"),
    "app_id a number": (b'{"app_id": 7}', "app_id"),
    "app_id an array": (b'{"app_id": ["beta"]}', "app_id"),
    "app_id an object": (b'{"app_id": {"id": "beta"}}', "app_id"),
    "app_id empty": (b'{"app_id": ""}', "app_id"),
    "app_id 65 characters": (b'{"app_id": "' + b"a" * 65 + b'"}', "app_id"),
    "app_id with a space": (b'{"app_id": "be ta"}', "app_id"),
    "app_id with NUL": (b'{"app_id": "beta\\u0000"}', "app_id"),
    "app_id with a slash": (b'{"app_id": "../beta"}', "app_id"),
    "app_id of other letters": ('{"app_id": "bet\u0430"}'.encode(), "app_id"),
    "app_id twice": (b'{"app_id": "beta", "app_id": "gamma"}', None),
    "app_id twice, once escaped": (b'{"app_id": "beta", "app\\u005fid": "gamma"}', None),
    "invalid UTF-8": (b'{"app_id": "be\xfft"}', None),
    "a raw NUL": (b'{"app_id": "beta\x00"}', None),
    "a trailing comma": (b'{"app_id": "beta",}', None),
    "something after the end": (b'{"app_id": "beta"} x', None),
    "a byte order mark": (b'\xef\xbb\xbf{"app_id": "beta"}', None),
    "UTF-16": ('{"app_id": "beta"}'.encode("utf-16"), None),
    "nested 10,000 deep": (b'{"app_id": "beta", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", None),
    "single quotes": (b"{'app_id': 'beta'}", None),
    "a lone surrogate": (b'{"app_id": "beta", "x": "\\ud800"}', None),
    "a ticket, which is not to be had yet": (b'{"app_id": "beta", "delivery": "ticket"}', "delivery"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_not_well_formed_is_422(workspace, person, case):
    body, field = BODIES[case]
    with nothing_written(workspace):
        answer = workspace.exchange(person.token(), body=body)
    assert_refused(answer, 422, "invalid_request")
    assert answer.json["details"]["field"], answer
    if field:
        assert answer.json["details"]["field"] == field


@pytest.mark.parametrize(
    "form",
    [b"", b"app_id", b"app_id=", b"app_id=beta&app_id=gamma", b"app_id=be%ffta", b"app_id=be%00ta", b"other=beta"],
)
def test_a_form_that_is_not_well_formed_is_422(workspace, person, form):
    headers = [*workspace.exchange_headers(person.token()), ("Content-Type", "application/x-www-form-urlencoded")]
    with nothing_written(workspace):
        answer = workspace.installation.exchange.post(workspace.sessions_path, headers=headers, body=form)
    assert_refused(answer, 422, "invalid_request")


# 6: the target app


@pytest.mark.parametrize("name", ["nothing", "BETA", "beta.", "-beta", "app_" + "a" * 20, "scli_" + "a" * 20])
def test_a_target_that_does_not_exist_is_404(workspace, person, name):
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), name), 404, "app_not_in_workspace")


def test_an_app_of_another_workspace_is_404_and_not_told_from_none(workspace, other, person):
    other.create_app("elsewhere")
    other.wait_until_served()
    token = person.token()
    headers = [*workspace.exchange_headers(token), ("X-Request-Id", "same")]
    bodies = set()
    with nothing_written(workspace), nothing_written(other):
        for name in ("elsewhere", other.apps["elsewhere"].client_id, "nothing-at-all", "scli_" + "b" * 20):
            answer = workspace.installation.exchange.post(
                workspace.sessions_path, headers=headers, json={"app_id": name}
            )
            assert_refused(answer, 404, "app_not_in_workspace")
            bodies.add(answer.body)
    assert len(bodies) == 1, bodies


def test_a_suspended_target_is_404(workspace, person):
    workspace.create_app("resting")
    workspace.wait_until_served()
    token = person.token()
    assert workspace.exchange(token, "resting").status == 200
    workspace.change_app("resting", status="suspended")
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token, "resting"), 404, "app_not_in_workspace")


# 7: the key's own apps, the target's policy


@pytest.mark.parametrize(
    "limits",
    [
        {"source_apps": ["beta"]},
        {"source_apps": []},
        {"target_apps": ["gamma"]},
        {"target_apps": []},
        {"source_apps": ["acme"], "target_apps": ["acme"]},
    ],
    ids=["another source", "no source", "another target", "no target", "the source, another target"],
)
def test_a_key_that_is_not_for_these_apps_is_403(workspace, person, limits):
    key = workspace.new_key(**limits)
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), key=key), 403, "api_key_scope_denied")


def test_a_key_for_exactly_these_apps_passes(workspace, person):
    key = workspace.new_key(source_apps=["acme"], target_apps=["beta"])
    assert workspace.exchange(person.token(), key=key).status == 200
    assert workspace.exchange(person.token(), workspace.apps["beta"].client_id, key=key).status == 200


def test_a_target_of_policy_none_takes_no_session(workspace, person):
    workspace.create_app("closed", groups=["suite"], exchange_policy="none")
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), "closed"), 403, "sso_group_mismatch")


def test_a_target_of_policy_sso_group_takes_sessions_of_its_group_only(workspace, person):
    workspace.create_group("inner")
    workspace.create_app("lounge", groups=["suite", "inner"], exchange_policy="sso_group")
    workspace.create_app("cellar", groups=["inner"], exchange_policy="sso_group")
    workspace.create_app("island", exchange_policy="sso_group")
    workspace.wait_until_served()
    token = person.token()
    assert workspace.exchange(token, "lounge").status == 200
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token, "cellar"), 403, "sso_group_mismatch")
        assert_refused(workspace.exchange(token, "island"), 403, "sso_group_mismatch")
    inner = workspace.exchange(token, "lounge").json["access"]
    assert workspace.exchange(inner, "cellar").status == 200


def test_leaving_the_group_ends_exchanges_soon_after(workspace, person):
    workspace.create_group("short")
    workspace.create_app("visitor", groups=["short", "suite"])
    workspace.create_app("guarded", groups=["short"], exchange_policy="sso_group")
    workspace.wait_until_served()
    token = workspace.exchange(person.token(), "visitor").json["access"]
    assert workspace.exchange(token, "guarded").status == 200
    workspace.database.change(
        "DELETE FROM sso_group_apps WHERE workspace_id = %s AND group_id = 'short' AND app_id = 'visitor'",
        workspace.uuid,
    )
    workspace.wait_until_served()
    assert_refused(workspace.exchange(token, "guarded"), 403, "sso_group_mismatch")


# 8: the membership in the target


@pytest.mark.parametrize("status", ["pending_approval", "suspended", "disabled"])
def test_a_member_of_the_target_who_is_not_active_is_403(workspace, somebody, status):
    token = somebody.token()
    somebody.set_membership("beta", status)
    with nothing_written(workspace):
        assert_refused(workspace.exchange(token), 403, "app_access_denied")
    assert workspace.membership(somebody.id, "beta") == status


@pytest.mark.parametrize("policy", ["invite_only", "admin_approval"])
def test_a_stranger_to_a_target_that_does_not_admit_is_403(workspace, person, policy):
    app = f"by-{policy.replace('_', '-')}"
    workspace.create_app(app, signup_policy=policy)
    workspace.wait_until_served()
    with nothing_written(workspace):
        assert_refused(workspace.exchange(person.token(), app), 403, "app_access_denied")
    person.set_membership(app, "active")
    assert workspace.exchange(person.token(), app).status == 200


# 9: rate limits


def test_the_workspaces_exchange_limit_is_429_with_retry_after(installation):
    workspace = installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    workspace.change(exchange_limit=3)
    workspace.wait_until_served()
    # The window is a minute of the clock: a run that crosses into the next one starts again.
    for _ in range(2):
        minute = int(time.time() // 60)
        answers = [workspace.exchange(token) for _ in range(5)]
        if int(time.time() // 60) == minute:
            break
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    with nothing_written(workspace):
        refused = workspace.exchange(token)
    if refused.status == 429:
        assert_refused(refused, 429, "rate_limited")
        assert 1 <= int(refused.header("Retry-After")) <= 60
    workspace.change(exchange_limit=None)
    workspace.wait_until_served()
    assert workspace.exchange(token).status == 200


# 10: a usable key


def test_a_workspace_without_a_key_that_signs_is_503_with_retry_after(installation):
    workspace = installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    workspace.force_keys("retires_at = greatest(now(), activates_at), expires_at = activates_at + interval '300 days'")
    workspace.wait_until_served()
    with nothing_written(workspace):
        answer = workspace.exchange(token)
        assert_refused(answer, 503, "temporarily_unavailable")
        assert int(answer.header("Retry-After")) >= 1
    assert (
        header_of(token)["kid"]
        in workspace.installation.exchange.get(
            f"/v1/auth/{workspace.apps['beta'].client_id}/.well-known/jwks.json"
        ).text
    )


def test_a_workspace_whose_only_key_is_staged_cannot_sign_yet(installation):
    workspace = installation.workspace(keys=False)
    installation.make_keys()
    workspace.force_keys("activates_at = now() + interval '1 hour'", "activates_at <= now()")
    workspace.wait_until_served()
    answer = workspace.installation.exchange.post(
        workspace.routes + "/sign-up/email",
        headers={"Origin": workspace.apps["acme"].origin},
        json={"email": "early@example.com", "password": "correct horse battery", "name": "Early"},
    )
    assert answer.status in (200, 503), answer
    if answer.status == 200:
        cookie = answer.header("Set-Cookie").split(";")[0]
        token = workspace.installation.exchange.get(
            workspace.routes + "/token", headers={"Origin": workspace.apps["acme"].origin, "Cookie": cookie}
        )
        assert token.status == 503, token


# The route itself


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405_and_say_which_are_allowed(exchange, workspace, person, method):
    answer = exchange.request(method, workspace.sessions_path, headers=workspace.exchange_headers(person.token()))
    assert answer.status == 405
    assert "POST" in answer.header("Allow")


@pytest.mark.parametrize(
    "path",
    ["/v1/workspaces/x/sessions/", "/v1//workspaces/x/sessions", "/v1/workspaces", "/", "/V1/workspaces/x/sessions"],
)
def test_other_paths_are_404_with_the_same_body_shape(exchange, path):
    answer = exchange.post(path, json={"app_id": "beta"})
    assert answer.status in (401, 404), answer
    body = answer.json
    assert body["error"] == body["error_code"] and body["request_id"] == answer.header("X-Request-Id")


def test_another_content_type_is_a_documented_4xx(workspace, person):
    headers = [*workspace.exchange_headers(person.token()), ("Content-Type", "text/xml")]
    with nothing_written(workspace):
        answer = workspace.installation.exchange.post(workspace.sessions_path, headers=headers, body=b"<app_id/>")
    assert answer.status in (415, 422), answer
