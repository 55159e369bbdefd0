"""What anybody may know of an app: its keys and its facts; and by which names it goes where (contract §4)."""

import re

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from harness.appapi import AppAPI
from harness.tokens import claims_of

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_the_key_set_holds_public_members_only(beta):
    answer = beta.jwks()
    assert answer.status == 200
    assert "json" in answer.header("Content-Type")
    keys = answer.json["keys"]
    assert keys
    for key in keys:
        assert {"kty", "use", "alg", "kid", "n", "e"} <= set(key)
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert not PRIVATE_MEMBERS & set(key)


@pytest.mark.parametrize(
    "algorithm, members",
    [
        ("ES256", {"kty": "EC", "crv": "P-256"}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed25519"}),
    ],
)
def test_keys_of_other_algorithms_have_their_members(installation, exchange, algorithm, members):
    workspace = installation.workspace(algorithm=algorithm)
    workspace.wait_until_served()
    key = AppAPI(exchange, workspace.apps["beta"].client_id).jwks().json["keys"][0]
    assert {name: key[name] for name in members} == members
    assert key["alg"] == algorithm and "x" in key and not PRIVATE_MEMBERS & set(key)


def test_the_key_set_may_be_kept_ten_minutes_and_is_asked_again_by_its_etag(beta):
    answer = beta.jwks()
    assert answer.header("Cache-Control") == "public, max-age=600"
    etag = answer.header("ETag")
    assert re.fullmatch(r'"[^"]+"', etag)
    for given in (etag, f'"x", {etag}', "*", f"W/{etag}"):
        again = beta.jwks(**{"If-None-Match": given})
        assert again.status == 304 and again.body == b"", given
        assert again.header("ETag") == etag
    for given in ('"x"', etag.strip('"'), ""):
        assert beta.jwks(**{"If-None-Match": given}).status == 200


def test_the_key_set_is_the_same_bytes_each_time_and_for_every_app_of_the_workspace(acme, beta, other, exchange):
    bodies = {api.jwks().body for api in (acme, beta) for _ in range(3)}
    assert len(bodies) == 1
    assert AppAPI(exchange, other.apps["beta"].client_id).jwks().body not in bodies


def test_the_key_set_changes_its_etag_with_a_key(installation, exchange):
    workspace = installation.workspace()
    workspace.wait_until_served()
    api = AppAPI(exchange, workspace.apps["beta"].client_id)
    before = api.jwks()
    signer = workspace.keys()[0][0]
    assert signer in {key["kid"] for key in before.json["keys"]}
    workspace.force_keys("compromised_at = now()", f"kid = '{signer}'")
    workspace.wait_until_served()
    after = api.jwks(**{"If-None-Match": before.header("ETag")})
    assert after.status == 200 and signer not in {key["kid"] for key in after.json["keys"]}, after


def test_a_key_set_without_keys_is_not_handed_out(installation, exchange):
    """A relying party would keep it for ten minutes, and the next key signs at once."""
    workspace = installation.workspace()
    workspace.wait_until_served()
    workspace.force_keys("compromised_at = now()")
    workspace.wait_until_served()
    answer = AppAPI(exchange, workspace.apps["beta"].client_id).jwks()
    assert answer.status == 503 and answer.header("Retry-After"), answer


def test_the_public_key_is_the_signing_keys_pem(beta, person):
    answer = beta.public_key()
    assert answer.status == 200
    assert set(answer.json) == {"public_key", "algorithm", "key_id"}
    session = person.exchanged()
    assert answer.json["key_id"] == session["key_id"] and answer.json["algorithm"] == "RS256"
    pem = answer.json["public_key"]
    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    serialization.load_pem_public_key(pem.encode())
    assert jwt.decode(session["access"], pem, ["RS256"], audience="beta")["sub"] == person.id


def test_the_facts_of_an_app_are_a_bare_object_without_secrets(exchange, workspace):
    app = workspace.apps["beta"]
    answer = exchange.get(f"/v1/apps/{app.client_id}")
    assert answer.status == 200
    facts = answer.json
    assert facts["id"] == "beta"
    assert "hash" not in answer.text and "secret" not in answer.text
    assert str(workspace.uuid) not in facts


@pytest.mark.parametrize("name", ["nothing", "scli_" + "a" * 20, "app_" + "a" * 20, "x" * 65, "%00", "a%20b"])
@pytest.mark.parametrize("route", ["/v1/apps/{}", "/v1/auth/{}/public_key", "/v1/auth/{}/.well-known/jwks.json"])
def test_an_app_that_is_not_there_is_404(exchange, name, route):
    answer = exchange.get(route.format(name))
    assert answer.status in (404, 400), answer
    assert answer.json["error"] == answer.json["error_code"]


def test_a_chosen_id_names_an_app_only_where_the_workspace_is_known(installation, exchange, workspace, person):
    session = person.exchanged()
    # No default workspace here: the bare name means nothing.
    for route in ("/v1/apps/beta", "/v1/auth/beta/.well-known/jwks.json", "/v1/auth/beta/public_key"):
        assert exchange.get(route).status == 404, route
    assert exchange.get("/v1/auth/beta/current_user", headers={"X-Authorization": session["access"]}).status in (
        401,
        404,
    )
    prefix = f"/w/{workspace.slug}"
    known = exchange.get(f"{prefix}/v1/auth/beta/current_user", headers={"X-Authorization": session["access"]})
    assert known.status == 200, known
    assert exchange.get(f"{prefix}/v1/apps/beta").json["id"] == "beta"
    assert exchange.get(f"{prefix}/v1/auth/beta/.well-known/jwks.json").status == 200


def test_a_chosen_id_names_an_app_of_the_default_workspace(installation, workspace, person):
    service = installation.start_exchange(DEFAULT_WORKSPACE=workspace.slug)
    try:
        session = person.exchanged()
        api = AppAPI(service, "beta")
        assert api.current_user(session["access"]).status == 200
        assert api.jwks().status == 200
        assert api.refresh(session["refresh"]).status == 200
        assert service.get("/v1/apps/beta").json["id"] == "beta"
    finally:
        assert service.stop() == 0


def test_a_generated_id_and_a_client_id_name_an_app_anywhere(installation, exchange, workspace, person):
    made = installation.admin("create-app", "--workspace", workspace.slug, "--name", "Anywhere")
    workspace.wait_until_served()
    session = workspace.exchange(person.token(), made["id"]).json
    assert claims_of(session["access"])["aid"] == made["id"]
    for name in (made["id"], made["client_id"]):
        assert AppAPI(exchange, name).current_user(session["access"]).status == 200
        assert exchange.get(f"/v1/apps/{name}").json["id"] == made["id"]


def test_an_app_of_one_workspace_is_not_reached_through_another(exchange, workspace, other, person):
    session = person.exchanged()
    path = f"/w/{other.slug}/v1/auth/{workspace.apps['beta'].client_id}/current_user"
    assert exchange.get(path, headers={"X-Authorization": session["access"]}).status in (401, 404)


def test_there_is_one_key_set_under_the_workspaces_own_prefix_too(exchange, workspace, beta):
    answer = exchange.get(f"{workspace.routes}/jwks")
    if answer.status == 404:
        pytest.skip("/api/auth/jwks is not there yet")
    assert answer.json["keys"] == beta.jwks().json["keys"]
