"""The administration keeps workspaces apart: every operation of the document, with what is another workspace's."""

import itertools
import json
import secrets
import uuid

import pytest

from harness.admin import Admin, problem
from harness.document import document, labels, operations
from harness.rights import tenant_tables

DOCUMENT = document("sso-admin")
OPERATIONS = {f"{method} {path}": (method, path, operation) for method, path, operation in operations(DOCUMENT)}
GUARDED = [label for label in labels(DOCUMENT) if OPERATIONS[label][2]["security"]]
# Bodies that an operation takes, where an empty one is not.
BODIES = {
    "createWorkspace": {"slug": "nobody-makes-this"},
    "createGroup": {"id": "never-made"},
    "renameGroup": {"name": "Never"},
    "addToGroup": {"appId": "acme"},
    "createUser": {"email": "never@made.example"},
    "createAPIKey": {"name": "never"},
    "createAdminToken": {"name": "never", "role": "viewer"},
}
# Tables that move by themselves.
RESTLESS = {"node_epochs", "key_schedule", "rate_windows", "jwks_fetches"}
# Operations that are about one workspace, which a header may name.
NAMED = {"$ref": "#/components/parameters/Workspace"}
RANK = {"viewer": 0, "admin": 1, "owner": 2}


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


class Tenant:
    """A workspace with one of everything that a path or a body can name."""

    def __init__(self, service, workspace):
        self.workspace = workspace
        self.owner = owner = Admin(service, workspace.admin_token)
        name = f"only-{workspace.slug}"
        assert owner.post("sso-groups", {"id": f"{name}-group"}).status == 201
        assert owner.post("applications", {"id": name, "ssoGroupId": f"{name}-group"}).status == 201
        person = workspace.sign_up()
        user = person.id
        session = workspace.exchange(person.token(), name)
        assert session.status == 200, session
        rows = workspace.database.rows(
            "SELECT id::text FROM sessions WHERE workspace_id = %s AND app_id = %s", workspace.uuid, name
        )
        self.tokens = {
            role: owner.post("admin-tokens", {"name": role, "role": role}).json for role in ("viewer", "admin", "owner")
        }
        self.ids = {
            "application": name,
            "app": name,
            "group": f"{name}-group",
            "user": str(user),
            "session": rows[0][0],
            "key": owner.post("api-keys", {"name": "one"}).json["id"],
            "token": self.tokens["viewer"]["id"],
            "request": owner.post("signing-keys/rotate", {}).json["id"],
            "kid": workspace.keys()[0][0],
            "workspace": workspace.slug,
        }
        self.access_token = person.token()

    def digest(self):
        """All that is written of the workspace."""
        database = self.workspace.database
        return {
            table: database.value(
                f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} AS t WHERE {column} = %s",
                self.workspace.uuid,
            )
            for table, column in tenant_tables(database)
            if table not in RESTLESS
        }


def nobodys():
    """Ids that exist nowhere, of the same shape."""
    ids = {name: str(uuid.uuid4()) for name in ("user", "session", "key", "token", "request")}
    name = f"only-{secrets.token_hex(4)}"
    kid = f"{uuid.uuid4()}_1700000000"
    return {**ids, "application": name, "app": name, "group": f"{name}-group", "kid": kid, "workspace": name}


@pytest.fixture(scope="module")
def ours(service, workspace):
    return Tenant(service, workspace)


@pytest.fixture(scope="module")
def theirs(service, other):
    return Tenant(service, other)


@pytest.fixture(autouse=True)
def untouched(theirs):
    """Whatever a test does to the other workspace's things, nothing of it changes."""
    before = theirs.digest()
    yield
    assert theirs.digest() == before


def parameters(label):
    _, path, _ = OPERATIONS[label]
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def call(service, label, ids, headers, body=None):
    """One operation, with a body that it takes."""
    method, path, operation = OPERATIONS[label]
    for name in parameters(label):
        path = path.replace("{" + name + "}", ids[name])
    if "requestBody" in operation:
        body = {**BODIES.get(operation["operationId"], {}), **(body or {})}
    else:
        body = None
    return service.request(method, path, headers=headers, json=body)


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def said(answer, ids=None):
    """What an answer tells: all but what is of this one request, and the ids that it was asked with."""
    text = answer.text
    for value in sorted({value for value in (ids or {}).values()}, key=len, reverse=True):
        text = text.replace(value, "…")
    body = json.loads(text)
    body.pop("requestId", None)
    return answer.status, body, sorted(name.lower() for name, _ in answer.headers)


@pytest.mark.parametrize("label", [label for label in GUARDED if parameters(label)])
def test_what_is_another_workspaces_is_answered_like_what_is_nowhere(service, ours, theirs, label):
    names = parameters(label)
    unknown = nobodys()
    chosen = [set(some) for n in range(1, len(names) + 1) for some in itertools.combinations(names, n)]
    for some in chosen:
        answers = []
        for source in (theirs.ids, unknown):
            ids = {name: source[name] if name in some else ours.ids[name] for name in names}
            own = {"userId": ours.ids["user"]} if label.endswith("{application}/users") else {}
            answer = call(service, label, ids, bearer(ours.workspace.admin_token), own)
            assert answer.status in (403, 404), (some, answer)
            answers.append(said(answer, {name: source[name] for name in some}))
        assert answers[0] == answers[1], some


def references():
    """Every member of a body that names something of the workspace, and what it names."""
    kinds = {"application-id": "application", "sso-group-id": "group", "user-id": "user"}
    for label in GUARDED:
        body = OPERATIONS[label][2].get("requestBody")
        if body is None:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        for member, schema in DOCUMENT["components"]["schemas"][name]["properties"].items():
            if schema.get("format") in kinds:
                yield label, member, kinds[schema["format"]], False
            elif schema.get("items", {}).get("pattern") == "^[A-Za-z0-9_.-]{1,64}$":
                yield label, member, "group" if member == "ssoGroups" else "application", True


@pytest.mark.parametrize("label, member, kind, is_list", list(references()))
def test_a_body_that_names_what_is_another_workspaces_is_answered_likewise(
    service, ours, theirs, label, member, kind, is_list
):
    answers = []
    for source in (theirs.ids, nobodys()):
        value = [source[kind]] if is_list else source[kind]
        body = {**({"userId": ours.ids["user"]} if "Membership" in label else {}), member: value}
        answer = call(service, label, ours.ids, bearer(ours.workspace.admin_token), body)
        assert answer.status in (404, 422), answer
        answers.append(said(answer, {kind: source[kind]}))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("label", [label for label in GUARDED if NAMED in OPERATIONS[label][2]["parameters"]])
def test_another_workspaces_name_is_refused_like_one_that_is_nowhere(service, ours, theirs, label):
    answers = []
    for name in (theirs.workspace.id, theirs.workspace.slug, "nobodys", f"ws_{uuid.uuid4().hex}"):
        headers = bearer(ours.workspace.admin_token) + [("X-Workspace", name)]
        answer = call(service, label, theirs.ids, headers)
        assert problem(answer) == "workspace_access_denied", answer
        answers.append(said(answer))
    assert answers == answers[:1] * 4 and answers[0][0] == 403


@pytest.mark.parametrize("label", GUARDED)
def test_a_role_opens_what_the_document_says_and_no_more(service, ours, label):
    needed = OPERATIONS[label][2]["x-role"]
    unknown = nobodys()
    unknown["workspace"] = ours.workspace.slug
    for role in ("viewer", "admin"):
        if RANK[role] < RANK[needed]:
            answer = call(service, label, unknown, bearer(ours.tokens[role]["adminToken"]))
            assert answer.status == 403 and problem(answer) == "role_insufficient", (role, answer)
        elif parameters(label):
            # Far enough to see that there is no such thing.
            member = {"userId": unknown["user"]} if label.endswith("{application}/users") else {}
            answer = call(service, label, unknown, bearer(ours.tokens[role]["adminToken"]), member)
            assert answer.status in (200, 404), (role, answer)


@pytest.fixture(scope="module")
def strangers(ours, theirs):
    """Credentials that are no live admin token."""
    owner = ours.owner
    revoked = owner.post("admin-tokens", {"name": "revoked", "role": "owner"}).json
    assert owner.delete(f"admin-tokens/{revoked['id']}").status == 204
    expired = owner.post("admin-tokens", {"name": "expired", "role": "owner"}).json
    done = ours.workspace.database.change(
        "UPDATE admin_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 s'"
        " WHERE id = %s",
        expired["id"],
    )
    assert done == 1
    good = ours.workspace.admin_token
    word, home, token_id, secret = good.split("_", 3)
    away = theirs.workspace.uuid.hex
    return {
        "an API key": bearer(ours.workspace.api_key),
        "a user's access token": bearer(ours.access_token),
        "a revoked token": bearer(revoked["adminToken"]),
        "an expired token": bearer(expired["adminToken"]),
        "another workspace's name on it": bearer(f"{word}_{away}_{token_id}_{secret}"),
        "the platform's name on it": bearer(f"{word}_platform_{token_id}_{secret}"),
        "another secret": bearer(f"{word}_{home}_{token_id}_{secret[:-1]}"),
        "no secret": bearer(f"{word}_{home}_{token_id}_"),
        "half of one": bearer(good[:30]),
        "nothing": [],
        "an empty one": [("Authorization", "")],
        "another scheme": [("Authorization", f"Basic {good}")],
    }


@pytest.mark.parametrize("label", GUARDED)
def test_what_is_no_live_admin_token_opens_nothing(service, ours, strangers, label):
    for name, headers in strangers.items():
        answer = call(service, label, ours.ids, headers)
        assert answer.status == 401, (name, answer)
        assert problem(answer) == "admin_token_required" and answer.header("WWW-Authenticate") == "Bearer", name
    # Which of two would count is nobody's guess: the request is malformed.
    answer = call(service, label, ours.ids, bearer(ours.workspace.admin_token) * 2)
    assert answer.status == 400 and problem(answer) == "invalid_request", answer
