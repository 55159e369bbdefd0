"""PyPI's scute-client, unmodified, against the real service."""

import pytest
from scute_client import client as scute
from scute_client.exceptions import APIRequestError

from harness.tokens import claims_of


@pytest.fixture
def client_of(exchange, workspace):
    def make(app, **changes):
        given = {
            "workspace_id": workspace.id,
            "workspace_secret": workspace.api_key,
            "app_id": workspace.apps[app].client_id,
            "base_url": exchange.url,
            "api_version": "v1",
        }
        return scute.ScuteClient(**{**given, **changes})

    return make


@pytest.fixture
def session(client_of, workspace, person):
    return client_of("acme").auth.create_app_session(person.token(), workspace.apps["beta"].client_id)


def test_creates_an_app_session(session, person):
    assert session["user_id"] == person.id
    assert claims_of(session["access"])["aid"] == "beta"


def test_creates_an_app_session_by_the_chosen_id(client_of, person):
    assert claims_of(client_of("acme").auth.create_app_session(person.token(), "beta")["access"])["aid"] == "beta"


def test_reads_the_current_user(client_of, session, person):
    user = client_of("beta").auth.get_current_user(session["access"])
    assert user["id"] == person.id and user["email"] == person.email


def test_refreshes_with_the_csrf_token(client_of, session):
    tokens = client_of("beta").tokens
    for _ in range(3):
        renewed = tokens.refresh_access_token(session["refresh"], session["csrf"])
        assert renewed["access"] != session["access"]
        session = renewed


def test_verifies_tokens(client_of, session):
    tokens = client_of("beta").tokens
    assert tokens.verify_access_token(session["access"]) is True
    assert tokens.verify_refresh_token(session["refresh"], session["csrf"]) is True
    assert tokens.verify_access_token(session["refresh"]) is False
    assert tokens.verify_access_token("x") is False
    assert tokens.verify_refresh_token("x", session["csrf"]) is False


def test_another_app_verifies_nothing(client_of, session):
    tokens = client_of("gamma").tokens
    assert tokens.verify_access_token(session["access"]) is False
    assert tokens.verify_refresh_token(session["refresh"], session["csrf"]) is False


@pytest.mark.parametrize(
    "change, status, code",
    [
        ({"workspace_secret": "scwor_wrong"}, 401, "workspace_api_key_required"),
        ({"workspace_id": "ws_" + "0" * 32}, 401, "workspace_api_key_required"),
    ],
)
def test_refusals_arrive_as_its_own_errors(client_of, workspace, person, change, status, code):
    with pytest.raises(APIRequestError) as caught:
        client_of("acme", **change).auth.create_app_session(person.token(), "beta")
    assert caught.value.status_code == status
    assert caught.value.response.json()["error_code"] == code


def test_an_unknown_target_arrives_as_its_own_error(client_of, person):
    with pytest.raises(APIRequestError) as caught:
        client_of("acme").auth.create_app_session(person.token(), "nothing")
    assert caught.value.status_code == 404
    assert caught.value.response.json()["error"] == "app_not_in_workspace"


def test_signing_out_is_seen_by_the_client(client_of, beta, workspace, somebody):
    session = somebody.exchanged()
    assert beta.sign_out(session["access"]).status in (200, 204)
    assert client_of("beta").tokens.verify_access_token(session["access"]) is False
    with pytest.raises(APIRequestError) as caught:
        client_of("beta").tokens.refresh_access_token(session["refresh"], session["csrf"])
    assert caught.value.status_code == 401
