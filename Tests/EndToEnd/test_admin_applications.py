"""Apps and SSO groups by REST (contract §9)."""

import secrets

import pytest

from harness.admin import Admin, problem
from harness.load import at_once


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin(service, workspace):
    """The workspace's first owner."""
    return Admin(service, workspace.admin_token)


def fresh(prefix="app"):
    return f"{prefix}-{secrets.token_hex(4)}"


def test_an_app_is_registered_in_a_group_as_the_seed_does(admin, workspace, exchange):
    answer = admin.post("applications", {"id": "studio", "ssoGroupId": "suite", "name": "Studio"})
    assert answer.status == 201, answer
    assert answer.header("Location") == "/api/admin/applications/studio"
    assert int(answer.header("X-Epoch")) > 0 and answer.header("ETag")
    assert answer.header("Cache-Control") == "no-store"
    made = answer.json
    assert made["ssoGroups"] == ["suite"] and made["audience"] == "studio" and made["clientId"].startswith("scli_")
    assert made["signupPolicy"] == "open" and made["exchangePolicy"] == "workspace" and made["accessExpiration"] == 3600
    assert len(made["clientSecret"]) >= 32
    shown = admin.get("applications/studio")
    assert shown.status == 200 and "clientSecret" not in shown.json
    assert shown.header("ETag") == answer.header("ETag")
    workspace.wait_until_served()
    # Live at once: a session is exchanged into it.
    assert workspace.exchange(workspace.sign_up().token(), "studio").status == 200


def test_what_is_registered_is_stored_whole(admin):
    wanted = {
        "id": fresh(),
        "name": "Ünïcode ✓",
        "audience": "https://api.example.com",
        "clientType": "native",
        "origins": ["https://one.example.com", "http://localhost:3000"],
        "redirectUris": ["com.example.app:/callback", "https://one.example.com/cb?x=1", "http://127.0.0.1/cb"],
        "ssoGroups": ["suite"],
        "exchangePolicy": "sso_group",
        "signupPolicy": "invite_only",
        "accessExpiration": 60,
        "refreshExpiration": 3600,
        "sessionTimeout": 60,
        "refreshPayload": False,
        "status": "suspended",
    }
    answer = admin.post("applications", wanted)
    assert answer.status == 201, answer
    assert "clientSecret" not in answer.json
    shown = admin.get(f"applications/{wanted['id']}").json
    for name, value in wanted.items():
        assert (sorted(shown[name]) if isinstance(value, list) else shown[name]) == (
            sorted(value) if isinstance(value, list) else value
        ), name
    assert admin.delete(f"applications/{wanted['id']}").status == 204
    assert problem(admin.get(f"applications/{wanted['id']}")) == "not_found"


@pytest.mark.parametrize(
    "field,value",
    [
        ("id", ""),
        ("id", "a" * 65),
        ("id", "a b"),
        ("id", 7),
        ("id", "app_mine"),
        ("id", "scli_mine"),
        ("name", ""),
        ("name", "x" * 201),
        ("name", "a\u0000b"),
        ("name", None),
        ("audience", ""),
        ("audience", "x" * 256),
        ("clientType", "desktop"),
        ("origins", "https://one.example.com"),
        ("origins", ["https://one.example.com/path"]),
        ("origins", ["https://ONE.example.com"]),
        ("origins", ["https://one.example.com", "https://one.example.com"]),
        ("origins", [f"https://n{n}.example.com" for n in range(101)]),
        ("redirectUris", ["https://one.example.com/cb#fragment"]),
        ("redirectUris", ["http://one.example.com/cb"]),
        ("redirectUris", ["javascript:alert(1)"]),
        ("redirectUris", ["/callback"]),
        ("redirectUris", ["https://user@one.example.com/"]),
        ("ssoGroups", ["no such group"]),
        ("exchangePolicy", "everybody"),
        ("signupPolicy", "OPEN"),
        ("accessExpiration", 59),
        ("accessExpiration", 604_801),
        ("accessExpiration", 60.5),
        ("accessExpiration", "3600"),
        ("refreshExpiration", 3599),
        ("sessionTimeout", 2**53),
        ("refreshPayload", "true"),
        ("status", "deleted"),
        ("ssoGroupId", ""),
        ("colour", "green"),
        ("clientSecret", "mine"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_nothing_is_made(admin, workspace, field, value):
    before = workspace.count("apps")
    answer = admin.post("applications", {"id": fresh(), field: value})
    assert answer.status == 422 and problem(answer) == "invalid_request", answer
    assert answer.json["details"]["field"] == field, answer
    assert workspace.count("apps") == before


@pytest.mark.parametrize(
    "body,status",
    [(b"", 201), (b"[]", 422), (b"{", 422), (b'{"id":"a","id":"b"}', 422), (b"\xff", 422), (b"null", 422)],
    ids=["nothing", "a list", "half", "a name twice", "no text", "null"],
)
def test_a_body_is_a_json_object(admin, body, status):
    answer = admin.request("POST", "applications", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == status, answer
    if status == 201:
        assert answer.json["id"].startswith("app_") and len(answer.json["id"]) == 24
        assert admin.delete(f"applications/{answer.json['id']}").status == 204


def test_another_type_of_body_is_refused(admin):
    answer = admin.request("POST", "applications", body=b"id=a", headers={"Content-Type": "text/plain"})
    assert answer.status == 415 and problem(answer) == "unsupported_media_type"


def test_what_there_is_already_is_a_conflict(admin):
    name = fresh()
    origin = f"https://{name}.example.com"
    assert admin.post("applications", {"id": name, "origins": [origin]}).status == 201
    again = admin.post("applications", {"id": name})
    assert again.status == 409 and problem(again) == "conflict" and again.json["details"]["field"] == "id"
    audience = admin.post("applications", {"id": fresh(), "audience": name})
    assert audience.status == 409 and audience.json["details"]["field"] == "audience"
    taken = admin.post("applications", {"id": fresh(), "origins": [origin]})
    assert taken.status == 409 and taken.json["details"]["field"] == "origins"


def test_a_group_that_does_not_exist_is_refused_and_not_made(admin, workspace):
    groups = workspace.count("sso_groups")
    for body in ({"ssoGroupId": "ghosts"}, {"ssoGroups": ["suite", "ghosts"]}):
        answer = admin.post("applications", {"id": fresh(), **body})
        assert answer.status == 422 and answer.json["details"]["field"] == "ssoGroups", answer
    assert workspace.count("sso_groups") == groups


def test_a_change_leaves_the_rest_and_is_for_the_state_that_was_read(admin):
    name = fresh()
    made = admin.post("applications", {"id": name, "origins": ["https://" + name + ".example.com"]})
    tag = made.header("ETag")
    first = admin.patch(f"applications/{name}", {"name": "Renamed"}, headers={"If-Match": tag})
    assert first.status == 200 and first.json["name"] == "Renamed", first
    assert first.json["origins"] == made.json["origins"] and first.json["clientId"] == made.json["clientId"]
    late = admin.patch(f"applications/{name}", {"name": "Late"}, headers={"If-Match": tag})
    assert late.status == 412 and problem(late) == "precondition_failed"
    assert admin.patch(f"applications/{name}", {"name": "Any"}, headers={"If-Match": "*"}).status == 200
    weak = admin.patch(f"applications/{name}", {"name": "W"}, headers={"If-Match": f"W/{first.header('ETag')}"})
    assert weak.status == 412
    assert admin.patch(f"applications/{name}", {"origins": []}).json["origins"] == []
    assert admin.get(f"applications/{name}").json["name"] == "Any"
    assert admin.delete(f"applications/{name}", headers={"If-Match": tag}).status == 412


def test_of_two_who_change_the_same_state_one_wins(admin, service, workspace):
    name = fresh()
    for turn in range(5):
        tag = (
            admin.post("applications", {"id": name}).header("ETag")
            if turn == 0
            else admin.get(f"applications/{name}").header("ETag")
        )
        answers = at_once(
            8,
            lambda n: Admin(service, workspace.admin_token).patch(
                f"applications/{name}", {"name": f"by {n}"}, headers={"If-Match": tag}
            ),
        )
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [200] + [412] * 7, statuses


def test_a_creation_is_repeated_by_its_key_and_done_once(admin, service, workspace):
    name, key = fresh(), secrets.token_hex(16)
    body = {"id": name, "name": "Once"}
    first = admin.post("applications", body, headers={"Idempotency-Key": key})
    assert first.status == 201, first
    second = admin.post("applications", body, headers={"Idempotency-Key": key})
    assert second.status == 201 and second.json == first.json and second.json["clientSecret"], second
    assert second.header("Idempotent-Replayed") == "true" and first.header("Idempotent-Replayed") is None
    assert second.header("X-Epoch") == first.header("X-Epoch")
    other = admin.post("applications", {**body, "name": "Twice"}, headers={"Idempotency-Key": key})
    assert other.status == 422 and problem(other) == "idempotency_key_reused"
    # What is kept opens for nobody who has not the token and the key.
    sealed = workspace.database.value("SELECT sealed_answer FROM idempotent_answers WHERE workspace_id = %s LIMIT 1", workspace.uuid)
    assert first.json["clientSecret"].encode() not in bytes(sealed)
    for bad in ("", "a b", "x" * 256):
        refused = admin.post("applications", {"id": fresh()}, headers={"Idempotency-Key": bad})
        assert refused.status in (400, 422), refused


def test_a_creation_that_is_repeated_at_the_same_moment_is_done_once(service, workspace):
    name, key = fresh(), secrets.token_hex(16)
    answers = at_once(
        10,
        lambda _: Admin(service, workspace.admin_token).post(
            "applications", {"id": name}, headers={"Idempotency-Key": key}
        ),
    )
    assert {answer.status for answer in answers} == {201}, answers
    assert len({answer.json["clientSecret"] for answer in answers}) == 1
    assert sum(answer.header("Idempotent-Replayed") is None for answer in answers) == 1


def test_a_client_secret_is_rotated_with_overlap(admin, workspace):
    name = fresh()
    old = admin.post("applications", {"id": name}).json["clientSecret"]
    answer = admin.post(f"applications/{name}/client-secret", {"overlapSeconds": 60})
    assert answer.status == 200 and answer.json["clientSecret"] != old, answer
    assert answer.json["clientSecretOverlapUntil"]
    row = workspace.database.rows(
        "SELECT previous_client_secret_hash IS NOT NULL, previous_client_secret_until - now() BETWEEN '50 s' AND '60 s'"
        " FROM apps WHERE workspace_id = %s AND id = %s",
        workspace.uuid,
        name,
    )
    assert row == [(True, True)]
    at_once_answer = admin.post(f"applications/{name}/client-secret", {"overlapSeconds": 0})
    assert at_once_answer.json["clientSecretOverlapUntil"] is None
    assert admin.post("applications/nobody/client-secret").status == 404


def test_an_app_with_members_is_removed_only_by_force_and_takes_its_sessions_along(admin, workspace, exchange):
    name = fresh()
    admin.post("applications", {"id": name, "ssoGroupId": "suite"})
    workspace.wait_until_served()
    person = workspace.sign_up()
    session = workspace.exchange(person.token(), name)
    assert session.status == 200, session
    refused = admin.delete(f"applications/{name}")
    assert refused.status == 409 and problem(refused) == "in_use", refused
    assert refused.json["details"] == {"members": "1", "sessions": "1"}
    assert admin.delete(f"applications/{name}?force=perhaps").status == 422
    gone = admin.delete(f"applications/{name}?force=true")
    assert gone.status == 204 and gone.body == b"" and int(gone.header("X-Epoch")) > 0
    assert admin.delete(f"applications/{name}?force=true").status == 404
    workspace.wait_until_served()
    assert workspace.exchange(person.token(), name).status == 404
    # What was exchanged from its session would have ended too: nothing of it is left.
    assert workspace.database.value(
        "SELECT count(*) FROM sessions WHERE workspace_id = %s AND app_id = %s", workspace.uuid, name
    ) == 0


def test_lists_come_in_pages_and_are_searched_by_their_beginning(admin):
    prefix = fresh("page")
    names = sorted(f"{prefix}-{number:02}" for number in range(12))
    for number, name in enumerate(names):
        assert admin.post("applications", {"id": name, "name": f"Shelf {number}"}).status == 201
    found = admin.everything(f"applications?search={prefix}", "applications", limit=5)
    assert [each["id"] for each in found] == names
    assert [each["id"] for each in admin.everything("applications?search=SHELF%201", "applications", limit=2)] == [
        names[1],
        names[10],
        names[11],
    ]
    whole = [each["id"] for each in admin.everything("applications", "applications", limit=7)]
    assert whole == sorted(whole) and set(names) <= set(whole) and len(whole) == len(set(whole))
    assert admin.get("applications?search=nothing-begins-so").json == {"applications": [], "nextCursor": None}


@pytest.mark.parametrize(
    "query,field",
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=%21", "cursor"),
        ("cursor=" + "A" * 300, "cursor"),
        ("search=", "search"),
        ("search=" + "a" * 101, "search"),
        ("page=2", "page"),
        ("limit=5&limit=6", "limit"),
    ],
)
def test_a_wrong_query_is_refused_by_name(admin, query, field):
    answer = admin.get(f"applications?{query}")
    assert answer.status == 422 and answer.json["details"]["field"] == field, answer


def test_groups_are_made_renamed_filled_emptied_and_removed(admin, workspace, exchange):
    group = fresh("group")
    made = admin.post("sso-groups", {"id": group, "name": "Suite two", "apps": ["gamma"]})
    assert made.status == 201 and made.json["apps"] == ["gamma"], made
    assert made.header("Location") == f"/api/admin/sso-groups/{group}"
    assert problem(admin.post("sso-groups", {"id": group})) == "conflict"
    assert problem(admin.post("sso-groups", {"name": "no id"})) == "invalid_request"
    ghosts = admin.post("sso-groups", {"id": fresh("group"), "apps": ["ghost"]})
    assert ghosts.status == 422 and ghosts.json["details"]["field"] == "appId", ghosts
    renamed = admin.patch(f"sso-groups/{group}", {"name": "Renamed"}, headers={"If-Match": made.header("ETag")})
    assert renamed.status == 200 and renamed.json["name"] == "Renamed"
    added = admin.post(f"sso-groups/{group}/apps", {"appId": "acme"})
    assert added.status == 201 and added.json["apps"] == ["acme", "gamma"], added
    assert admin.post(f"sso-groups/{group}/apps", {"appId": "acme"}).json["apps"] == ["acme", "gamma"]
    assert admin.post(f"sso-groups/{group}/apps", {"appId": "ghost"}).status == 404
    assert admin.post("sso-groups/ghosts/apps", {"appId": "acme"}).status == 404
    assert admin.post(f"sso-groups/{group}/apps", {}).status == 422
    assert admin.delete(f"sso-groups/{group}/apps/gamma").status == 204
    assert admin.delete(f"sso-groups/{group}/apps/gamma").status == 404
    listed = {each["id"]: each for each in admin.everything("sso-groups", "ssoGroups")}
    assert listed[group]["appCount"] == 1 and "apps" not in listed[group]
    refused = admin.delete(f"sso-groups/{group}")
    assert refused.status == 409 and problem(refused) == "in_use" and refused.json["details"] == {"applications": "1"}
    assert admin.delete(f"sso-groups/{group}?force=true").status == 204
    assert admin.get(f"sso-groups/{group}").status == 404


def test_a_preview_says_who_gains_and_who_loses_and_changes_nothing(admin, workspace, exchange):
    person = workspace.sign_up()
    assert workspace.exchange(person.token(), "gamma").status == 200
    gain = admin.post("sso-groups/suite/preview", {"add": ["gamma"]})
    assert gain.status == 200, gain
    ways = {(way["from"], way["to"]): way["liveSessions"] for way in gain.json["gained"]}
    assert {("gamma", "acme"), ("acme", "gamma"), ("gamma", "beta"), ("beta", "gamma")} <= set(ways)
    assert ways[("gamma", "acme")] >= 1 and gain.json["lost"] == []
    lose = admin.post("sso-groups/suite/preview", {"remove": ["beta"]}).json
    assert {("acme", "beta"), ("beta", "acme")} <= {(way["from"], way["to"]) for way in lose["lost"]}
    assert lose["gained"] == [] and lose["sessionsLosing"] >= 1
    assert admin.post("sso-groups/suite/preview", {}).json["lost"] == []
    assert admin.post("sso-groups/suite/preview", {"add": ["ghost"]}).status == 422
    assert admin.post("sso-groups/ghosts/preview", {}).status == 404
    assert set(admin.get("sso-groups/suite").json["apps"]) >= {"acme", "beta"}
