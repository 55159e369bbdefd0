"""What gives a user a first token: sign-up, sign-in, sign-out, get-session, token (contract §5, Path A)."""

import http.cookies
import json
import time

import jwt
import pytest

from harness.people import cookies_of
from harness.tokens import claims_of

NAME = "better-auth.session_token"
PASSWORD = "correct horse battery staple"


def post(exchange, workspace, route, body, app="acme", **headers):
    origin = workspace.apps[app].origin if app else None
    return exchange.post(workspace.routes + route, headers={"Origin": origin, **headers}, json=body)


def cookie_of(answer, name=NAME):
    jar = http.cookies.SimpleCookie()
    for field in answer.all_headers("Set-Cookie"):
        jar.load(field)
    return jar[name]


def assert_refused(answer, status, code=None):
    assert answer.status == status, answer
    assert set(answer.json) == {"message", "code"}, answer
    assert answer.json["code"] == answer.json["code"].upper()
    if code is not None:
        assert answer.json["code"] == code


def test_signing_up_answers_the_user_and_sets_a_cookie_that_works(exchange, workspace):
    email = f"Grace.{time.time_ns()}@Example.com"
    answer = post(exchange, workspace, "/sign-up/email", {"email": email, "password": PASSWORD, "name": "Grace Hopper"})
    assert answer.status == 200, answer
    user = answer.json["user"]
    assert user["name"] == "Grace Hopper" and user["email"].lower() == email.lower()
    assert user["emailVerified"] is False and "createdAt" in user and "updatedAt" in user
    headers = {"Cookie": cookies_of(answer), "Origin": workspace.apps["acme"].origin}
    session = exchange.get(workspace.routes + "/get-session", headers=headers).json
    assert session["user"]["id"] == user["id"]
    assert session["session"]["userId"] == user["id"]
    assert {"id", "expiresAt", "createdAt"} <= set(session["session"])
    assert workspace.membership(user["id"], "acme") == "active"


def test_the_cookie_is_http_only_lax_of_the_workspaces_path_and_not_secure_over_http(workspace, somebody):
    cookie = cookie_of(somebody.sign_in())
    assert cookie["httponly"] is True
    assert cookie["samesite"].lower() == "lax"
    assert cookie["path"] == f"/w/{workspace.slug}"
    assert cookie["domain"] == "" and not cookie["secure"]
    assert int(cookie["max-age"]) > 0


def test_the_cookies_path_is_the_root_for_the_default_workspace(installation, workspace, somebody):
    service = installation.start_exchange(DEFAULT_WORKSPACE=workspace.slug)
    try:
        answer = service.post(
            "/api/auth/sign-in/email",
            headers={"Origin": workspace.apps["acme"].origin},
            json={"email": somebody.email, "password": somebody.password},
        )
        assert answer.status == 200, answer
        assert cookie_of(answer)["path"] == "/"
        headers = {"Origin": workspace.apps["acme"].origin, "Cookie": cookies_of(answer)}
        assert service.get("/api/auth/get-session", headers=headers).json["user"]["id"] == somebody.id
        assert claims_of(service.get("/api/auth/token", headers=headers).json["token"])["wid"] == workspace.id
    finally:
        assert service.stop() == 0


def test_under_https_the_cookie_is_secure_and_says_so_in_its_name(installation, workspace, somebody):
    service = installation.start_exchange(PUBLIC_URL="https://sso.example.com")
    try:
        answer = somebody.sign_in(service=service)
        assert answer.status == 200, answer
        cookie = cookie_of(answer, f"__Secure-{NAME}")
        assert cookie["secure"] is True and cookie["httponly"] is True
    finally:
        assert service.stop() == 0


def test_the_cookie_is_kept_nowhere_and_its_hash_is(workspace, somebody):
    answer = somebody.sign_in()
    value = cookie_of(answer).value
    secret = value.split(".")[0]
    row = workspace.session(
        max(
            workspace.database.rows(
                "SELECT id FROM sessions WHERE workspace_id = %s AND user_id = %s", workspace.uuid, somebody.id
            )
        )[0]
    )
    assert len(row["cookie_hash"]) == 32
    assert all(secret not in str(content) for content in row.values() if not isinstance(content, bytes))
    assert secret.encode() not in bytes(row["cookie_hash"])


def test_signing_in_begins_a_new_session_and_leaves_the_old_one(workspace, somebody):
    before = workspace.count("sessions")
    answer = somebody.sign_in()
    assert answer.status == 200
    assert answer.json["redirect"] is False and answer.json["user"]["id"] == somebody.id
    assert workspace.count("sessions") == before + 1
    assert cookies_of(answer) != somebody.cookie
    assert somebody.browse("GET", "/get-session").json["user"]["id"] == somebody.id


def test_an_address_is_the_same_in_any_case(exchange, workspace, somebody):
    answer = post(
        exchange, workspace, "/sign-in/email", {"email": somebody.email.upper(), "password": somebody.password}
    )
    assert answer.status == 200, answer


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(exchange, workspace, somebody):
    wrong = post(exchange, workspace, "/sign-in/email", {"email": somebody.email, "password": "not the password"})
    unknown = post(
        exchange, workspace, "/sign-in/email", {"email": "nobody@example.com", "password": "not the password"}
    )
    assert_refused(wrong, 401, "INVALID_EMAIL_OR_PASSWORD")
    assert wrong.body == unknown.body and unknown.status == 401
    assert not wrong.all_headers("Set-Cookie") and not unknown.all_headers("Set-Cookie")


def test_an_unknown_address_costs_the_same_time_as_a_wrong_password(exchange, workspace):
    people = [workspace.sign_up() for _ in range(2)]
    wrong, unknown = [], []
    for number in range(5):
        body = {"email": people[number % 2].email, "password": "not the password"}
        wrong.append(post(exchange, workspace, "/sign-in/email", body).seconds)
        body = {"email": f"nobody{number}@example.com", "password": "not the password"}
        unknown.append(post(exchange, workspace, "/sign-in/email", body).seconds)
    # Hashing takes many times what everything else does: its absence would show as a tenth.
    assert sorted(unknown)[2] > sorted(wrong)[2] / 2, (wrong, unknown)


def test_a_taken_address_is_refused_and_nothing_is_written(exchange, workspace, somebody):
    before = workspace.footprint()
    for email in (somebody.email, somebody.email.upper()):
        answer = post(exchange, workspace, "/sign-up/email", {"email": email, "password": PASSWORD, "name": "Thief"})
        assert_refused(answer, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")
    assert workspace.footprint() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.com"},
        {"password": PASSWORD},
        {"email": 1, "password": PASSWORD},
        {"email": "a@example.com", "password": 1},
        {"email": "a@example.com", "password": None},
        [],
        "x",
        None,
        {"email": "nothing", "password": PASSWORD},
        {"email": "a@b\u0000.com", "password": PASSWORD},
    ],
    ids=repr,
)
def test_signing_in_with_a_body_that_is_not_one_is_400(exchange, workspace, body):
    answer = exchange.post(
        workspace.routes + "/sign-in/email",
        headers={"Origin": workspace.apps["acme"].origin, "Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )
    assert answer.status in (400, 401), answer
    assert set(answer.json) == {"message", "code"}


@pytest.mark.parametrize("password, code", [("short", "PASSWORD_TOO_SHORT"), ("x" * 129, "PASSWORD_TOO_LONG")])
def test_signing_up_with_a_password_too_short_or_long_is_400(exchange, workspace, password, code):
    before = workspace.footprint()
    body = {"email": f"{time.time_ns()}@example.com", "password": password, "name": "A"}
    assert_refused(post(exchange, workspace, "/sign-up/email", body), 400, code)
    assert workspace.footprint() == before


def test_nobody_signs_up_as_verified_or_with_a_chosen_id(exchange, workspace):
    body = {
        "email": f"{time.time_ns()}@example.com",
        "password": PASSWORD,
        "name": "A",
        "emailVerified": True,
        "id": "00000000-0000-7000-8000-000000000000",
        "role": "admin",
        "status": "active",
    }
    answer = post(exchange, workspace, "/sign-up/email", body)
    assert answer.status == 200 and answer.json["user"]["emailVerified"] is False
    assert answer.json["user"]["id"] != body["id"]


@pytest.mark.parametrize("policy, status", [("invite_only", None), ("admin_approval", "pending_approval")])
def test_an_app_that_admits_nobody_by_itself_gives_no_session(exchange, workspace, policy, status):
    app = f"by-{policy.replace('_', '-')}"
    workspace.create_app(app, signup_policy=policy)
    workspace.wait_until_served()
    email, sessions = f"{time.time_ns()}@example.com", workspace.count("sessions")
    answer = post(exchange, workspace, "/sign-up/email", {"email": email, "password": PASSWORD, "name": "A"}, app)
    assert workspace.count("sessions") == sessions
    if answer.status != 200:
        assert_refused(answer, answer.status)
    user_id = workspace.database.value(
        "SELECT id FROM users WHERE workspace_id = %s AND email = %s", workspace.uuid, email
    )
    assert user_id is None or workspace.membership(user_id, app) == status


def test_a_disabled_user_does_not_sign_in(workspace, somebody):
    somebody.disable()
    answer = somebody.sign_in()
    assert answer.status in (401, 403), answer
    assert not answer.all_headers("Set-Cookie")
    assert somebody.browse("GET", "/get-session").json is None
    assert somebody.browse("GET", "/token").status in (401, 403)


def test_a_suspended_member_does_not_sign_in_to_that_app(workspace, somebody):
    somebody.set_membership("acme", "suspended")
    assert somebody.sign_in().status == 403
    assert somebody.browse("GET", "/get-session").json is None


def test_signing_out_ends_the_session_and_takes_the_cookie_away(workspace, somebody):
    answer = somebody.browse("POST", "/sign-out", json={})
    assert answer.status == 200 and answer.json == {"success": True}
    assert int(cookie_of(answer)["max-age"]) == 0
    assert cookie_of(answer)["path"] == f"/w/{workspace.slug}"
    assert somebody.browse("GET", "/get-session").json is None
    assert somebody.browse("GET", "/token").status == 401
    assert somebody.browse("POST", "/sign-out", json={}).status == 200


def test_without_a_cookie_there_is_no_session_and_no_token(exchange, workspace):
    headers = {"Origin": workspace.apps["acme"].origin}
    answer = exchange.get(workspace.routes + "/get-session", headers=headers)
    assert (answer.status, answer.json) == (200, None)
    assert_refused(exchange.get(workspace.routes + "/token", headers=headers), 401)


def test_a_cookie_that_was_changed_is_none(exchange, workspace, somebody, person):
    name, value = somebody.cookie.split("=", 1)
    token, _, signature = value.partition(".")
    other_signature = person.cookie.partition(".")[2]
    spoilt = [
        value[:-1],
        value + "x",
        f"{token}x.{signature}",
        f"{token}.{other_signature}",
        token,
        f".{signature}",
        "",
        "%",
        f"{token}.",
        value.swapcase(),
        "%00",
        "x" * 5000,
    ]
    for each in spoilt:
        headers = {"Origin": workspace.apps["acme"].origin, "Cookie": f"{name}={each}"}
        answer = exchange.get(workspace.routes + "/get-session", headers=headers)
        assert (answer.status, answer.json) == (200, None), each
        assert exchange.get(workspace.routes + "/token", headers=headers).status == 401, each


def test_a_cookie_of_another_workspace_is_none(exchange, workspace, other, somebody):
    headers = {"Origin": other.apps["acme"].origin, "Cookie": somebody.cookie}
    assert exchange.get(other.routes + "/get-session", headers=headers).json is None
    assert exchange.get(other.routes + "/token", headers=headers).status == 401


def test_the_token_is_the_calling_apps_access_token(exchange, workspace, somebody):
    token = somebody.token()
    claims = claims_of(token)
    assert claims["aid"] == "acme" and claims["client_id"] == workspace.apps["acme"].client_id
    assert claims["sub"] == somebody.id and claims["wid"] == workspace.id
    assert "pwd" in claims["amr"]
    pem = exchange.get(f"/v1/auth/{workspace.apps['acme'].client_id}/public_key").json["public_key"]
    assert jwt.decode(token, pem, ["RS256"], audience="acme", issuer=workspace.issuer)
    again = claims_of(somebody.token())
    assert again["jti"] != claims["jti"] and again["sid"] == claims["sid"]


def test_the_eleventh_failure_within_fifteen_minutes_is_429_even_with_the_right_password(exchange, workspace):
    person, bystander = workspace.sign_up(), workspace.sign_up()
    window = 900

    def fail():
        return post(
            exchange, workspace, "/sign-in/email", {"email": person.email, "password": "not the password"}
        ).status

    if window - time.time() % window < 60:
        pytest.skip("the fifteen-minute window is about to end")
    assert [fail() for _ in range(10)] == [401] * 10
    sessions = workspace.count("sessions")
    answer = person.sign_in()
    assert answer.status == 429, answer
    assert int(answer.header("Retry-After") or answer.header("X-Retry-After")) >= 1
    assert workspace.count("sessions") == sessions
    # The account, not the address: others go on.
    assert bystander.sign_in().status == 200


def test_a_workspace_sets_its_own_number_of_failures_and_nobody_is_told_who_exists(installation, exchange):
    workspace = installation.workspace()
    workspace.change(failure_limit=2)
    person = workspace.sign_up()
    if 900 - time.time() % 900 < 30:
        pytest.skip("the fifteen-minute window is about to end")
    for email in (person.email, "ghost@example.com"):
        body = {"email": email, "password": "not the password"}
        statuses = [post(exchange, workspace, "/sign-in/email", body).status for _ in range(3)]
        assert statuses == [401, 401, 429], email


def test_sign_ins_per_address_and_minute_are_limited(installation):
    workspace = installation.workspace()
    person = workspace.sign_up()
    workspace.change(sign_in_limit=3)
    workspace.wait_until_served()
    statuses = []
    for _ in range(2):
        minute = int(time.time() // 60)
        statuses = [person.sign_in().status for _ in range(6)]
        if int(time.time() // 60) == minute:
            break
    assert 429 in statuses and statuses == sorted(statuses) and statuses.count(200) <= 3, statuses
