"""Signing keys and the rotation policy by REST (contract §7, §9)."""

import secrets

import pytest

from harness.admin import Admin, problem
from harness.tokens import header_of
from harness.waiting import until


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def rotator(installation):
    return installation.start_rotator(SHUTDOWN_DRAIN="0s")


@pytest.fixture
def home(installation, service, exchange, rotator):
    """A workspace of one's own, whose standby may sign, with an owner's token."""
    workspace = installation.workspace(algorithm="ES256")
    workspace.force_keys("published_at = now() - interval '1 day'", "haste IS NULL")
    workspace.wait_until_served()
    return workspace, Admin(service, workspace.admin_token)


def finished(admin, accepted):
    assert accepted.status == 202, accepted
    place = accepted.header("Location").removeprefix("/api/admin/")
    assert place == f"signing-keys/requests/{accepted.json['id']}"
    return until(
        lambda: (told := admin.get(place).json)["outcome"] != "waiting" and told["nodesMissing"] == 0 and told, 10
    )


def test_keys_are_shown_without_what_is_secret(home):
    workspace, admin = home
    keys = admin.get("signing-keys").json["signingKeys"]
    assert sorted(key["state"] for key in keys) == ["active", "staged"]
    for key in keys:
        shown = admin.get(f"signing-keys/{key['kid']}")
        assert shown.status == 200 and shown.json["kid"] == key["kid"] and key["algorithm"] == "ES256"
        assert not {"d", "p", "q", "sealedPrivateKey", "private"} & set(shown.json)
    assert problem(admin.get("signing-keys/ghost")) == "not_found"
    assert problem(admin.get("signing-keys/requests/" + secrets.token_hex(16))) == "not_found"


def test_a_rotation_is_asked_for_and_followed(home, workspace):
    own, admin = home
    signer, standby = (kid for (kid,) in own.keys())
    person = own.sign_up()
    assert header_of(person.token())["kid"] == signer
    told = finished(admin, admin.post("signing-keys/rotate", {"mode": "now", "reason": "exercise"}))
    assert told["outcome"] == "done" and told["epoch"] > 0 and told["nodes"] >= 2, told
    until(lambda: header_of(person.token())["kid"] == standby, 5)
    assert admin.get(f"signing-keys/{signer}").json["state"] == "retiring"
    graceful = finished(admin, admin.post("signing-keys/rotate", {}))
    assert graceful["outcome"] == "done"
    assert admin.post("signing-keys/rotate", {"mode": "later"}).status == 422


def test_a_leaked_key_is_refused_and_its_impact_is_known_before(home, exchange):
    own, admin = home
    signer, standby = (kid for (kid,) in own.keys())
    person = own.sign_up()
    token = person.token()
    impact = admin.get(f"signing-keys/{signer}/impact")
    assert impact.status == 200 and impact.json["sessions"] >= 1 and impact.json["state"] == "active", impact
    assert {app["appId"] for app in impact.json["applications"]} >= {"acme", "beta", "gamma"}
    assert problem(admin.get("signing-keys/ghost/impact")) == "not_found"
    assert problem(admin.post("signing-keys/ghost/compromise", {"reason": "x"})) == "not_found"
    told = finished(admin, admin.post(f"signing-keys/{signer}/compromise", {"sessions": "revoke", "reason": "exercise"}))
    assert told["outcome"] == "done" and told["acknowledgedMilliseconds"] is not None, told
    until(lambda: not admin.get(f"signing-keys/requests/{told['id']}").json["isRevoking"], 5)
    assert own.exchange(token).status == 401
    assert admin.get(f"signing-keys/{signer}").json["state"] == "compromised"
    assert person.browse("GET", "/get-session").json is None
    again = finished(admin, admin.post(f"signing-keys/{signer}/compromise", {}))
    assert again["outcome"] == "already_compromised"
    assert admin.post(f"signing-keys/{standby}/compromise", {"sessions": "some"}).status == 422


def test_the_policy_is_changed_and_the_worker_follows(home):
    own, admin = home
    policy = admin.get("rotation-policy")
    assert policy.json == {"algorithm": "ES256", "rsaBits": 2048, "rotationInterval": 7776000, "rotationLead": 86400}
    changed = admin.patch(
        "rotation-policy", {"algorithm": "EdDSA", "rotationInterval": 86400, "rotationLead": 3600},
        headers={"If-Match": policy.header("ETag")},
    )
    assert changed.status == 200 and changed.json["algorithm"] == "EdDSA", changed
    assert admin.patch("rotation-policy", {"algorithm": "RS256"}, headers={"If-Match": policy.header("ETag")}).status == 412
    until(
        lambda: any(
            key["algorithm"] == "EdDSA" and key["state"] == "staged" for key in admin.get("signing-keys").json["signingKeys"]
        ),
        10,
        what="a standby of the new kind",
    )


@pytest.mark.parametrize(
    "body,field",
    [
        ({"algorithm": "HS256"}, "algorithm"),
        ({"rsaBits": 1024}, "rsaBits"),
        ({"rsaBits": 2049}, "rsaBits"),
        ({"rotationInterval": 3599}, "rotationInterval"),
        ({"rotationLead": 659}, "rotationLead"),
        ({"rotationInterval": 3600, "rotationLead": 3600}, "rotationLead"),
        ({"keys": 3}, "keys"),
    ],
)
def test_a_wrong_policy_is_refused_by_name(service, workspace, body, field):
    answer = Admin(service, workspace.admin_token).patch("rotation-policy", body)
    assert answer.status == 422 and answer.json["details"]["field"] == field, answer
