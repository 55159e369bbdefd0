"""The documents are valid and complete, and sso-admin does what its one says (schemathesis)."""


import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness import fuzz
from harness.admin import Admin
from harness.document import admin_routes, described, document, exchange_routes, labels

fuzz.register_formats()
ADMIN = document("sso-admin")
EXCHANGE = document("token-exchange")


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin_schema():
    return fuzz.schema(ADMIN, 10)


class Inhabited:
    """A workspace with some of everything, made again when a test removed it."""

    def __init__(self, installation, service):
        self.workspace = installation.workspace(fuzz.SLUG)
        self.platform_token = installation.admin("create-admin-token", "--name", "fuzz")["token"]
        self.owner = owner = Admin(service, self.workspace.admin_token)
        self.restore()
        self.workspace.sign_up().exchanged()
        users = [owner.post("users", {"email": f"u{n}@fuzz.example"}).json["id"] for n in range(3)]
        fuzz.stand_in("user-id", users)
        fuzz.stand_in("api-key-id", [owner.post("api-keys", {"name": "fuzz"}).json["id"] for _ in range(3)])
        token = {"name": "fuzz", "role": "viewer"}
        fuzz.stand_in("admin-token-id", [owner.post("admin-tokens", token).json["id"] for _ in range(3)])
        fuzz.stand_in("key-request-id", [owner.post("signing-keys/rotate", {}).json["id"]])
        fuzz.stand_in("kid", [kid for (kid,) in self.workspace.keys()])
        database = self.workspace.database
        sessions = database.rows("SELECT id::text FROM sessions WHERE workspace_id = %s", self.workspace.uuid)
        fuzz.stand_in("session-id", [each for (each,) in sessions])

    def restore(self):
        """Makes what was removed again."""
        for group in fuzz.GROUPS:
            self.owner.post("sso-groups", {"id": group})
        for app in fuzz.APPS:
            self.owner.post("applications", {"id": app, "ssoGroupId": fuzz.GROUPS[0]})


@pytest.fixture(scope="module")
def inhabited(installation, exchange, service):
    return Inhabited(installation, service)


@pytest.mark.parametrize("document", [ADMIN, EXCHANGE], ids=["sso-admin", "token-exchange"])
def test_a_document_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_described_and_every_description_has_a_route():
    assert admin_routes() == described(ADMIN)
    assert exchange_routes() == described(EXCHANGE)


def test_the_services_serve_their_documents_to_anybody(service, exchange):
    for asked, known in ((service, ADMIN), (exchange, EXCHANGE)):
        answer = asked.get("/openapi.json")
        assert answer.status == 200 and answer.header("Content-Type") == "application/json"
        assert answer.json == known


@pytest.mark.parametrize("label", labels(ADMIN))
def test_sso_admin_does_as_its_document_says(admin_schema, service, inhabited, label):
    platform = label == "POST /api/admin/workspaces"
    token = inhabited.platform_token if platform else inhabited.workspace.admin_token

    def call(case):
        fuzz.soften(case)
        case.call_and_validate(base_url=service.url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
        if case.method.upper() == "DELETE":
            inhabited.restore()

    fuzz.attack(admin_schema, label, call)
