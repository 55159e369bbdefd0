"""The main job: a session of one app becomes a session of the next (contract §3 and §6)."""

import base64
import datetime
import re
import time
import uuid

import jwt
import pytest

from harness.tokens import claims_of, decode64, header_of

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")


def jwks(exchange, workspace, app="beta"):
    answer = exchange.get(f"/v1/auth/{workspace.apps[app].client_id}/.well-known/jwks.json")
    assert answer.status == 200
    return jwt.PyJWKSet.from_dict(answer.json)


def verified(exchange, workspace, token, app="beta", **options):
    """The claims, as a second implementation reads them from the published keys."""
    key = jwks(exchange, workspace, app)[header_of(token)["kid"]]
    options = {"require": ["exp", "iat", "iss", "aud", "sub"], **options}
    return jwt.decode(token, key, [key.algorithm_name], audience=app, issuer=workspace.issuer, options=options)


@pytest.fixture(scope="module")
def session(workspace, person):
    answer = workspace.exchange(person.token())
    assert answer.status == 200, answer
    return answer.json


def test_answers_200_with_exactly_the_seven_fields(workspace, person):
    answer = workspace.exchange(person.token())
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("application/json")
    assert set(answer.json) == {
        "access",
        "refresh",
        "csrf",
        "access_expires_at",
        "refresh_expires_at",
        "user_id",
        "key_id",
    }
    assert all(isinstance(value, str) for value in answer.json.values())


def test_the_answer_is_never_stored_by_caches_and_carries_a_request_id(workspace, person):
    answer = workspace.exchange(person.token())
    assert "no-store" in answer.header("Cache-Control")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", answer.header("X-Request-Id"))


def test_csrf_is_base64_of_64_bytes_and_different_each_time(workspace, person):
    token = person.token()
    seen = {workspace.exchange(token).json["csrf"] for _ in range(5)}
    assert len(seen) == 5
    for csrf in seen:
        assert len(csrf) == 88
        assert len(base64.b64decode(csrf, validate=True)) == 64


def test_instants_have_milliseconds_and_a_numeric_offset_and_agree_with_the_tokens(session):
    for field, token in (("access_expires_at", session["access"]), ("refresh_expires_at", session["refresh"])):
        assert INSTANT.match(session[field]), session[field]
        assert datetime.datetime.fromisoformat(session[field]).timestamp() == claims_of(token)["exp"]


def test_lifetimes_are_the_target_apps(workspace, session):
    access, refresh = claims_of(session["access"]), claims_of(session["refresh"])
    assert access["exp"] - access["iat"] == 3600
    # Never beyond the source's own end, which is as far away here.
    assert 604_800 - 120 <= refresh["exp"] - refresh["iat"] <= 604_800
    assert abs(access["iat"] - time.time()) < 120


def test_lifetimes_of_an_app_that_sets_its_own(workspace, person):
    workspace.create_app("brief", access_expiration=60, refresh_expiration=3600)
    workspace.wait_until_served()
    session = workspace.exchange(person.token(), "brief").json
    access, refresh = claims_of(session["access"]), claims_of(session["refresh"])
    assert access["exp"] - access["iat"] == 60
    assert refresh["exp"] - refresh["iat"] == 3600


def test_an_access_token_never_outlives_its_session(workspace):
    workspace.create_app("long", access_expiration=604_800, refresh_expiration=3600)
    workspace.wait_until_served()
    person = workspace.sign_up()
    session = workspace.exchange(person.token(), "long").json
    row = workspace.session(claims_of(session["access"])["sid"])
    assert claims_of(session["refresh"])["exp"] <= row["expires_at"].timestamp() + 1


def test_key_id_is_the_kid_of_the_key_that_signed(session):
    form = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}_\d{10}"
    assert re.fullmatch(form, session["key_id"])
    assert header_of(session["access"])["kid"] == session["key_id"]
    assert header_of(session["refresh"])["kid"] == session["key_id"]


def test_the_access_header_is_exactly_alg_kid_and_at_jwt(session):
    assert header_of(session["access"]) == {"alg": "RS256", "kid": session["key_id"], "typ": "at+jwt"}


def test_the_refresh_header_is_exactly_alg_kid_and_rt_jwt(session):
    assert header_of(session["refresh"]) == {"alg": "RS256", "kid": session["key_id"], "typ": "rt+jwt"}


def test_the_access_token_has_every_claim_of_section_six(workspace, person, session):
    claims = claims_of(session["access"])
    beta = workspace.apps["beta"]
    assert claims["iss"] == workspace.issuer == f"{workspace.installation.public_url}/w/{workspace.slug}"
    assert claims["sub"] == claims["uuid"] == session["user_id"] == person.id
    assert claims["aud"] == "beta"
    assert claims["client_id"] == claims["azp"] == beta.client_id
    assert claims["aid"] == "beta"
    assert claims["wid"] == workspace.id
    assert claims["jti"] == claims["uid"]
    for name in ("sub", "sid", "jti"):
        assert str(uuid.UUID(claims[name])) == claims[name]
    for name in ("iat", "exp", "auth_time"):
        assert type(claims[name]) is int
    assert claims["amr"] and all(isinstance(method, str) for method in claims["amr"])
    assert isinstance(claims["scope"], str)
    assert claims["auth_time"] <= claims["iat"]


def test_the_refresh_token_carries_session_generation_app_and_expiry(session):
    claims = claims_of(session["refresh"])
    assert claims["sid"] == claims_of(session["access"])["sid"]
    assert claims["gen"] == 1
    assert claims["aid"] == "beta"
    assert "exp" in claims and claims["sub"] == session["user_id"]


def test_how_and_when_the_user_signed_in_travels_along(workspace, person):
    token = person.token()
    claims = claims_of(workspace.exchange(token).json["access"])
    assert claims["amr"] == claims_of(token)["amr"]
    assert claims["auth_time"] == claims_of(token)["auth_time"]


def test_a_second_implementation_verifies_both_tokens_by_the_published_keys(exchange, workspace, session):
    assert verified(exchange, workspace, session["access"])["aid"] == "beta"
    assert verified(exchange, workspace, session["refresh"])["aid"] == "beta"


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_workspace_signs_with_the_algorithm_it_chose(installation, exchange, algorithm):
    workspace = installation.workspace(algorithm=algorithm)
    person = workspace.sign_up()
    source = person.token()
    assert header_of(source)["alg"] == algorithm
    session = workspace.exchange(source).json
    assert header_of(session["access"])["alg"] == algorithm
    assert verified(exchange, workspace, session["access"])["sub"] == person.id
    signature = decode64(session["access"].split(".")[2])
    assert len(signature) == 64
    answer = exchange.get(
        f"/v1/auth/{workspace.apps['beta'].client_id}/current_user", headers={"X-Authorization": session["access"]}
    )
    assert answer.status == 200
    refreshed = exchange.post(
        f"/v1/auth/{workspace.apps['beta'].client_id}/tokens/refresh", headers={"X-Refresh-Token": session["refresh"]}
    )
    assert refreshed.status == 200, refreshed


def test_the_new_token_works_at_once_every_time(exchange, workspace, person):
    source, path = person.token(), f"/v1/auth/{workspace.apps['beta'].client_id}/current_user"
    for _ in range(50):
        access = workspace.exchange(source).json["access"]
        answer = exchange.get(path, headers={"X-Authorization": access})
        assert answer.status == 200, answer
        assert answer.json["user"]["id"] == person.id


def test_the_session_is_owned_by_the_target_and_a_child_of_the_source(workspace, person):
    source = person.token()
    answer = workspace.exchange(source).json
    row = workspace.session(claims_of(answer["access"])["sid"])
    assert row["app_id"] == "beta"
    assert [str(parent) for parent in row["ancestors"]] == [claims_of(source)["sid"]]
    assert str(row["user_id"]) == person.id
    assert row["revoked_at"] is None


def test_the_session_is_refreshable_by_the_target_app_and_by_no_other(exchange, workspace, person):
    refresh = person.exchanged()["refresh"]
    other = exchange.post(
        f"/v1/auth/{workspace.apps['acme'].client_id}/tokens/refresh", headers={"X-Refresh-Token": refresh}
    )
    assert other.status == 401
    own = exchange.post(
        f"/v1/auth/{workspace.apps['beta'].client_id}/tokens/refresh", headers={"X-Refresh-Token": refresh}
    )
    assert own.status == 200


def test_every_exchange_makes_a_session_of_its_own(workspace, person):
    source = person.token()
    before = workspace.count("sessions")
    ids = {claims_of(workspace.exchange(source).json["access"])["sid"] for _ in range(5)}
    assert len(ids) == 5
    assert workspace.count("sessions") == before + 5


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer ", "BEARER ", "bEaReR "], ids=lambda p: repr(p))
def test_the_user_token_comes_with_or_without_the_word_bearer(workspace, person, exchange, prefix):
    answer = exchange.post(
        workspace.sessions_path,
        headers={"Authorization": f"Bearer {workspace.api_key}", "X-Authorization": prefix + person.token()},
        json={"app_id": "beta"},
    )
    assert answer.status == 200, answer


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_the_api_keys_scheme_is_read_in_any_case(workspace, person, exchange, word):
    answer = exchange.post(
        workspace.sessions_path,
        headers={"Authorization": f"{word} {workspace.api_key}", "X-Authorization": person.token()},
        json={"app_id": "beta"},
    )
    assert answer.status == 200, answer


def test_the_body_may_be_form_encoded(workspace, person):
    answer = workspace.exchange(person.token(), form={"app_id": "beta"})
    assert answer.status == 200, answer
    assert claims_of(answer.json["access"])["aid"] == "beta"


def test_the_target_may_be_named_by_its_client_id(workspace, person):
    answer = workspace.exchange(person.token(), workspace.apps["beta"].client_id)
    assert claims_of(answer.json["access"])["aid"] == "beta"


def test_a_json_body_with_a_charset_and_unknown_members_is_accepted(workspace, person):
    headers = workspace.exchange_headers(person.token()) + [("Content-Type", "application/json; charset=utf-8")]
    answer = workspace.installation.exchange.post(
        workspace.sessions_path, headers=headers, body=b' {"later": [1, {"x": null}], "app_id" : "be\\u0074a"} '
    )
    assert answer.status == 200, answer


def test_the_workspace_may_be_named_by_its_slug(workspace, person, exchange):
    answer = exchange.post(
        f"/v1/workspaces/{workspace.slug}/sessions",
        headers=workspace.exchange_headers(person.token()),
        json={"app_id": "beta"},
    )
    assert answer.status == 200, answer


def test_a_generated_app_id_works_as_target(workspace, person, installation):
    made = installation.admin("create-app", "--workspace", workspace.slug, "--name", "Generated")
    assert re.fullmatch(r"app_[A-Za-z0-9]{20}", made["id"]), made["id"]
    assert re.fullmatch(r"scli_[A-Za-z0-9]{16,59}", made["client_id"])
    workspace.wait_until_served()
    for name in (made["id"], made["client_id"]):
        answer = workspace.exchange(person.token(), name)
        assert answer.status == 200, answer
        assert claims_of(answer.json["access"])["aid"] == made["id"]


def test_an_app_may_exchange_into_itself(workspace, person):
    session = workspace.exchange(person.token(), "acme").json
    assert claims_of(session["access"])["aid"] == "acme"


def test_an_app_that_wants_no_refresh_token_in_the_answer_gets_none(workspace, person):
    workspace.create_app("headless")
    workspace.change_app("headless", refresh_payload=False)
    workspace.wait_until_served()
    answer = workspace.exchange(person.token(), "headless").json
    assert "refresh" not in answer and "refresh_expires_at" not in answer
    assert {"access", "csrf", "access_expires_at", "user_id", "key_id"} == set(answer)
