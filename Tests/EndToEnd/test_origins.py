"""Who sees a session in the browser: apps of the group, exact origins, the workspace's own host (contract §5, Path A)."""

import http.cookies
import secrets

import pytest

from harness.people import cookies_of
from harness.tokens import claims_of

NAME = "better-auth.session_token"


def test_an_app_of_the_same_group_sees_the_session(somebody):
    assert somebody.browse("GET", "/get-session", app="beta").json["user"]["id"] == somebody.id


def test_an_app_of_the_same_group_gets_a_token_of_its_own(exchange, workspace, somebody):
    assert claims_of(somebody.token("beta"))["aid"] == "beta"
    assert somebody.browse("GET", "/get-session", app="beta").json["user"]["id"] == somebody.id
    answer = exchange.get(
        f"/v1/auth/{workspace.apps['beta'].client_id}/current_user", headers={"X-Authorization": somebody.token("beta")}
    )
    assert answer.status == 200


def test_an_isolated_app_never_sees_a_siblings_session(workspace, somebody):
    answer = somebody.browse("GET", "/get-session", app="gamma")
    assert (answer.status, answer.json) == (200, None)
    assert somebody.browse("GET", "/token", app="gamma").status in (401, 403)
    assert workspace.membership(somebody.id, "gamma") is None


def test_an_isolated_app_has_sessions_of_its_own(workspace):
    person = workspace.sign_up("gamma")
    assert claims_of(person.token("gamma"))["aid"] == "gamma"
    assert person.browse("GET", "/get-session", app="acme").json is None
    assert person.browse("GET", "/token", app="acme").status in (401, 403)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://{host}.evil.example",
        "https://evil{host}",
        "http://{host}",
        "https://{host}:444",
        "https://{host}/",
        "https://{host}/x",
        "{host}",
        "https://{HOST}x",
        "",
        "https://{host}\\@evil",
    ],
)
def test_an_origin_of_no_app_gets_nothing(exchange, workspace, somebody, origin):
    host = workspace.apps["acme"].origin.removeprefix("https://")
    origin = origin.replace("{host}", host).replace("{HOST}", host.upper())
    headers = {"Origin": origin, "Cookie": somebody.cookie}
    sessions = workspace.count("sessions")
    answer = exchange.get(workspace.routes + "/token", headers=headers)
    assert answer.status in (401, 403), answer
    assert answer.header("Access-Control-Allow-Origin") is None
    body = {"email": somebody.email, "password": somebody.password}
    answer = exchange.post(workspace.routes + "/sign-in/email", headers={"Origin": origin}, json=body)
    assert answer.status == 403, answer
    assert exchange.post(workspace.routes + "/sign-out", headers=headers, json={}).status == 403
    assert workspace.count("sessions") == sessions
    assert somebody.browse("GET", "/get-session").json is not None


def test_cross_origin_answers_are_for_the_exact_origin_with_credentials(exchange, workspace, somebody):
    origin = workspace.apps["acme"].origin
    answer = somebody.browse("GET", "/get-session")
    assert answer.header("Access-Control-Allow-Origin") == origin
    assert answer.header("Access-Control-Allow-Credentials") == "true"
    assert "origin" in answer.header("Vary").lower()
    preflight = exchange.request(
        "OPTIONS",
        workspace.routes + "/sign-in/email",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert preflight.status in (200, 204)
    assert preflight.header("Access-Control-Allow-Origin") == origin
    assert "POST" in preflight.header("Access-Control-Allow-Methods")
    assert "content-type" in preflight.header("Access-Control-Allow-Headers").lower()


def test_of_two_cookies_that_are_both_ours_neither_counts(exchange, workspace, somebody, person):
    """Whoever can set a cookie beside the user's own must not choose whose session it is."""
    headers = {"Origin": workspace.apps["acme"].origin}
    for pair in (f"{person.cookie}; {somebody.cookie}", f"{somebody.cookie}; {person.cookie}"):
        answer = exchange.get(workspace.routes + "/get-session", headers={**headers, "Cookie": pair})
        assert (answer.status, answer.json) == (200, None)
    beside = f"theirs=1; {NAME}=x.y; {somebody.cookie}; {NAME}x=z"
    answer = exchange.get(workspace.routes + "/get-session", headers={**headers, "Cookie": beside})
    assert answer.json["user"]["id"] == somebody.id


@pytest.fixture(scope="module")
def hosted(installation):
    """A workspace with a host of its own, and a cookie domain above it."""
    made = installation.workspace(apps=False)
    made.create_app("shop", origin="https://shop.hosted.example")
    made.change(auth_host="auth.hosted.example", cookie_domain="hosted.example")
    made.wait_until_served()
    return made


def sign_up_at(exchange, host, path="/api/auth"):
    return exchange.post(
        path + "/sign-up/email",
        headers={"Host": host, "Origin": "https://shop.hosted.example"},
        json={"email": f"{secrets.token_hex(6)}@example.com", "password": "correct horse battery", "name": "A"},
    )


def cookie_of(answer):
    assert answer.status == 200, answer
    jar = http.cookies.SimpleCookie()
    for field in answer.all_headers("Set-Cookie"):
        jar.load(field)
    return next(jar[name] for name in (NAME, f"__Secure-{NAME}") if name in jar)


def test_at_its_own_host_a_workspace_needs_no_prefix_and_its_cookie_spans_the_domain(exchange, hosted):
    answer = sign_up_at(exchange, "auth.hosted.example")
    cookie = cookie_of(answer)
    assert cookie["domain"].lstrip(".") == "hosted.example" and cookie["path"] == "/"
    headers = {"Host": "auth.hosted.example", "Origin": "https://shop.hosted.example", "Cookie": cookies_of(answer)}
    token = exchange.get("/api/auth/token", headers=headers).json["token"]
    assert claims_of(token)["wid"] == hosted.id
    shop = exchange.get("/v1/auth/shop/current_user", headers={"Host": "auth.hosted.example", "X-Authorization": token})
    assert shop.status == 200, shop


def test_at_another_host_no_domain_is_sent(exchange, hosted):
    cookie = cookie_of(sign_up_at(exchange, "elsewhere.example", f"/w/{hosted.slug}/api/auth"))
    assert cookie["domain"] == ""


@pytest.mark.parametrize(
    "host", ["auth.hosted.example.evil.example", "xauth.hosted.example", "hosted.example", "evil.example"]
)
def test_a_host_that_is_nobodys_has_no_workspace(exchange, hosted, host):
    assert sign_up_at(exchange, host).status == 404


@pytest.mark.parametrize("domain", ["co.uk", "github.io", "com"])
def test_a_public_suffix_is_never_a_cookie_domain_and_the_log_says_so_once(installation, exchange, domain):
    workspace = installation.workspace(apps=False)
    host = f"auth-{workspace.slug}.{domain}"
    workspace.create_app("shop", origin="https://shop.hosted.example")
    workspace.change(auth_host=host, cookie_domain=domain)
    workspace.wait_until_served()
    for _ in range(2):
        assert cookie_of(sign_up_at(exchange, host))["domain"] == ""
    warnings = [line for line in exchange.log.splitlines() if "public suffix" in line and workspace.id in line]
    assert len(warnings) == 1 and domain in warnings[0] and "warning" in warnings[0].lower(), warnings
