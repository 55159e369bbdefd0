"""API keys, admin tokens and what each may do (contract §9)."""

import datetime
import secrets
import uuid

import pytest

from harness.admin import Admin, problem
from harness.load import at_once
from harness.waiting import until


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin(service, workspace):
    return Admin(service, workspace.admin_token)


@pytest.fixture(scope="module")
def platform(installation, service):
    made = installation.admin("create-admin-token", "--name", "platform")
    return Admin(service, made["token"])


def soon(**delta):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def exchanged(workspace, token, key, target="beta", **options):
    return workspace.exchange(token, target, key=key, **options)


def test_an_api_key_is_shown_once_used_and_revoked(admin, workspace, somebody):
    token = somebody.token()
    made = admin.post("api-keys", {"name": "backend"})
    assert made.status == 201, made
    key = made.json["apiKey"]
    assert key.startswith("scwor_") and made.json["kind"] == "workspace" and made.json["lastUsedAt"] is None
    place = made.header("Location").removeprefix("/api/admin/")
    assert "apiKey" not in admin.get(place).json
    workspace.wait_until_served()
    assert exchanged(workspace, token, key).status == 200
    used = until(lambda: admin.get(place).json["lastUsedAt"], 5, what="the key's use is noted")
    assert used > made.json["createdAt"]
    assert admin.delete(place).status == 204
    workspace.wait_until_served()
    assert exchanged(workspace, token, key).code == "workspace_api_key_required"
    assert admin.get(place).json["revokedAt"]
    assert made.json["id"] in {each["id"] for each in admin.everything("api-keys", "apiKeys", limit=2)}


def test_the_limits_of_a_key_hold(admin, workspace, somebody):
    token = somebody.token()

    def key(**limits):
        made = admin.post("api-keys", {"name": "limited", **limits})
        assert made.status == 201, made
        workspace.wait_until_served()
        return made.json["apiKey"]

    assert exchanged(workspace, token, key(targetApps=["beta"])).status == 200
    assert exchanged(workspace, token, key(targetApps=["gamma"])).code == "api_key_scope_denied"
    assert exchanged(workspace, token, key(sourceApps=["gamma"])).code == "api_key_scope_denied"
    assert exchanged(workspace, token, key(sourceApps=["acme"], targetApps=["beta"])).status == 200
    assert exchanged(workspace, token, key(networks=["192.0.2.0/24"])).code == "api_key_scope_denied"
    assert exchanged(workspace, token, key(networks=["127.0.0.0/8", "::1/128"])).status == 200
    assert exchanged(workspace, token, key(appId="acme")).code == "workspace_api_key_required"
    assert exchanged(workspace, token, key(expiresAt=soon(days=1))).status == 200


@pytest.mark.parametrize(
    "body,field",
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "appId": "ghost"}, "appId"),
        ({"name": "x", "sourceApps": ["ghost"]}, "sourceApps"),
        ({"name": "x", "sourceApps": "acme"}, "sourceApps"),
        ({"name": "x", "networks": ["10.0.0.0/33"]}, "networks"),
        ({"name": "x", "networks": ["somewhere"]}, "networks"),
        ({"name": "x", "networks": ["10.0.0.1/8"]}, "networks"),
        ({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "x", "expiresAt": "tomorrow"}, "expiresAt"),
        ({"name": "x", "expiresAt": 1_900_000_000}, "expiresAt"),
        ({"name": "x", "secret": "mine"}, "secret"),
    ],
)
def test_a_wrong_key_is_refused_by_name(admin, workspace, body, field):
    before = workspace.count("api_keys")
    answer = admin.post("api-keys", body)
    assert answer.status == 422 and answer.json["details"]["field"] == field, answer
    assert workspace.count("api_keys") == before


def test_a_key_is_rotated_with_overlap(admin, workspace, somebody):
    token = somebody.token()
    old = admin.post("api-keys", {"name": "rotating", "targetApps": ["beta"]}).json
    new = admin.post(f"api-keys/{old['id']}/rotate", {"overlapSeconds": 3600})
    assert new.status == 201 and new.json["apiKey"] != old["apiKey"], new
    assert new.json["targetApps"] == ["beta"] and new.json["name"] == "rotating"
    workspace.wait_until_served()
    assert exchanged(workspace, token, old["apiKey"]).status == 200
    assert exchanged(workspace, token, new.json["apiKey"]).status == 200
    at_once_made = admin.post(f"api-keys/{new.json['id']}/rotate", {"overlapSeconds": 0})
    assert at_once_made.status == 201
    workspace.wait_until_served()
    assert exchanged(workspace, token, new.json["apiKey"]).status == 401
    assert exchanged(workspace, token, at_once_made.json["apiKey"]).status == 200
    admin.delete(f"api-keys/{old['id']}")
    assert admin.post(f"api-keys/{old['id']}/rotate").status == 404
    assert admin.post(f"api-keys/{uuid.uuid4()}/rotate").status == 404


def test_admin_tokens_are_made_rotated_and_revoked(admin, service):
    made = admin.post("admin-tokens", {"name": "watcher", "role": "viewer", "expiresAt": soon(hours=1)})
    assert made.status == 201, made
    viewer = Admin(service, made.json["adminToken"])
    assert viewer.get("applications").status == 200
    place = f"admin-tokens/{made.json['id']}"
    assert admin.get(place).json["lastUsedAt"]
    rotated = admin.post(f"{place}/rotate", {"overlapSeconds": 0})
    assert rotated.status == 201 and rotated.json["role"] == "viewer", rotated
    assert viewer.get("applications").status == 401
    assert Admin(service, rotated.json["adminToken"]).get("applications").status == 200
    assert admin.delete(f"admin-tokens/{rotated.json['id']}").status == 204
    assert Admin(service, rotated.json["adminToken"]).get("applications").status == 401
    assert "secret" not in admin.get("admin-tokens").text and "bwadm_" not in admin.get("admin-tokens").text


def test_the_last_owner_stays_even_when_two_revoke_each_other(installation, service):
    workspace = installation.workspace(apps=False, keys=False)
    first = Admin(service, workspace.admin_token)
    own = first.get("admin-tokens").json["adminTokens"][0]["id"]
    refused = first.delete(f"admin-tokens/{own}")
    assert refused.status == 409 and problem(refused) == "last_owner"
    for _ in range(5):
        second = first.post("admin-tokens", {"name": "second", "role": "owner"}).json
        other = Admin(service, second["adminToken"])
        answers = at_once(2, lambda n: (first, other)[n].delete(f"admin-tokens/{(second['id'], own)[n]}"))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[0] == 204 and statuses[1] in (401, 409), answers
        if first.get("admin-tokens").status == 401:
            first, own = other, second["id"]
    live = [each for each in first.everything("admin-tokens", "adminTokens") if each["revokedAt"] is None]
    assert [each["role"] for each in live] == ["owner"]


@pytest.mark.parametrize("role,reads,writes,owns", [("viewer", 200, 403, 403), ("admin", 200, 201, 403), ("owner", 200, 201, 201)])
def test_each_role_may_what_it_may(admin, service, role, reads, writes, owns):
    token = admin.post("admin-tokens", {"name": role, "role": role}).json["adminToken"]
    caller = Admin(service, token)
    assert caller.get("applications").status == reads
    name = "r-" + secrets.token_hex(4)
    written = caller.post("sso-groups", {"id": name})
    assert written.status == writes, written
    owned = caller.post("admin-tokens", {"name": "x", "role": "viewer"})
    assert owned.status == owns, owned
    if owns == 403:
        assert problem(owned) == "role_insufficient"
        assert caller.get("admin-tokens").status == 403
    assert caller.post("sso-groups/suite/preview", {}).status == 200


def bad_tokens(workspace):
    good = workspace.admin_token
    prefix, secret = good.rsplit("_", 1)
    return {
        "nothing": None,
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "half": f"Bearer {prefix}",
        "another secret": f"Bearer {prefix}_{secret[::-1]}",
        "an API key": f"Bearer {workspace.api_key}",
        "unknown": f"Bearer bwadm_{uuid.uuid4().hex}_{uuid.uuid4().hex}_{secret}",
        "another id": f"Bearer bwadm_{workspace.uuid.hex}_{uuid.uuid4().hex}_{secret}",
        "platform of that id": "Bearer bwadm_platform_" + good.split("_", 2)[2],
        "SQL": "Bearer bwadm_platform_' OR 1=1 --_x",
        "empty": "Bearer ",
        "long": "Bearer bwadm_" + "a" * 6000,
    }


@pytest.mark.parametrize("kind", sorted(bad_tokens(type("W", (), {"admin_token": "a_b_c_d", "api_key": "k", "uuid": uuid.UUID(int=0)}))))
def test_without_a_live_admin_token_nothing_is_told(service, workspace, kind):
    header = bad_tokens(workspace)[kind]
    for path in ("/api/admin/applications", "/api/admin/workspaces", "/api/admin/applications/ghost"):
        answer = service.get(path, headers={"Authorization": header} if header is not None else {})
        assert answer.status == 401 and problem(answer) == "admin_token_required", answer
        assert answer.header("WWW-Authenticate") == "Bearer"


def test_a_platform_token_names_its_workspace_and_a_workspaces_token_no_other(platform, admin, service, workspace, other):
    assert problem(platform.get("applications")) == "workspace_required"
    for name in (workspace.id, workspace.slug):
        answer = platform.get("applications", headers={"X-Workspace": name})
        assert answer.status == 200 and "acme" in {app["id"] for app in answer.json["applications"]}
    assert platform.get("applications", headers={"X-Workspace": "ghost"}).status == 404
    assert admin.get("applications", headers={"X-Workspace": workspace.slug}).status == 200
    told = [admin.get("applications", headers={"X-Workspace": name}) for name in (other.id, other.slug, "ghost", "ws_" + "0" * 32)]
    assert {(answer.status, problem(answer)) for answer in told} == {(403, "workspace_access_denied")}


def test_workspaces_are_made_listed_changed_and_kept_apart(platform, admin, service, workspace, other):
    slug = "made-" + secrets.token_hex(4)
    made = platform.post("workspaces", {"slug": slug, "name": "Made", "algorithm": "ES256", "exchangeLimit": 5})
    assert made.status == 201 and made.json["issuer"].endswith(f"/w/{slug}"), made
    assert made.json["apiKey"].startswith("scwor_") and made.json["adminToken"].startswith("bwadm_")
    own = Admin(service, made.json["adminToken"])
    assert own.get("rotation-policy").json["algorithm"] == "ES256"
    assert own.post("applications", {"id": "first"}).status == 201
    shown = platform.get(f"workspaces/{made.json['id']}")
    assert shown.status == 200 and shown.json["exchangeLimit"] == 5 and "apiKey" not in shown.json
    until(lambda: platform.get(f"workspaces/{slug}").status == 200, 5)
    listed = platform.everything("workspaces?search=made-", "workspaces", limit=1)
    assert slug in {each["slug"] for each in listed}
    assert [each["id"] for each in own.get("workspaces").json["workspaces"]] == [made.json["id"]]
    changed = platform.patch(
        f"workspaces/{slug}", {"name": "Changed", "exchangeLimit": None}, headers={"If-Match": shown.header("ETag")}
    )
    assert changed.status == 200 and changed.json["exchangeLimit"] is None and changed.json["name"] == "Changed", changed
    for name in (other.id, other.slug, "ghost"):
        refused = own.get(f"workspaces/{name}")
        assert refused.status == 403 and problem(refused) == "workspace_access_denied"
    assert problem(own.post("workspaces", {"slug": "mine"})) == "platform_token_required"
    assert platform.post("workspaces", {"slug": slug}).status == 409
    for body, field in (
        ({}, "slug"),
        ({"slug": "Upper"}, "slug"),
        ({"slug": "-a"}, "slug"),
        ({"slug": "ok", "cookieDomain": "co.uk"}, "cookieDomain"),
        ({"slug": "ok", "cookieDomain": "com"}, "cookieDomain"),
        ({"slug": "ok", "authHost": "UPPER.example"}, "authHost"),
        ({"slug": "ok", "issuer": "ftp://x.example"}, "issuer"),
        ({"slug": "ok", "algorithm": "HS256"}, "algorithm"),
        ({"slug": "ok", "signInLimit": 0}, "signInLimit"),
    ):
        answer = platform.post("workspaces", body)
        assert answer.status == 422 and answer.json["details"]["field"] == field, (body, answer)
