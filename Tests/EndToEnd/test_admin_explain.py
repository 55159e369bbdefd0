"""Why a decision is what it is: explanations and the live path are one function (contract §9)."""

import random
import secrets

import pytest

from harness.admin import Admin, problem
from harness.waiting import until


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin(service, workspace):
    return Admin(service, workspace.admin_token)


@pytest.fixture
def explain(admin):
    def ask(person, target="beta", source="acme", **more):
        answer = admin.post(
            "explain/exchange", {"userId": person.id, "sourceAppId": source, "targetAppId": target, **more}
        )
        assert answer.status == 200, answer
        return answer.json

    return ask


def test_an_exchange_that_works_is_explained_with_every_rule(explain, workspace, somebody):
    told = explain(somebody)
    assert told["isAllowed"] and told["code"] is None and told["hint"] is None
    assert [step["rule"] for step in told["trace"]] == [
        "workspace_api_key",
        "caller_network",
        "user_token",
        "workspace_access",
        "request",
        "target_app",
        "key_scope",
        "exchange_policy",
        "lineage",
        "target_membership",
        "rate_limit",
        "readiness",
    ]
    assert all(step["passed"] for step in told["trace"])
    assert workspace.exchange(somebody.token()).status == 200


def test_each_reason_is_named_with_a_way_out(explain, workspace, somebody):
    token = somebody.token()
    ghost = explain(somebody, target="ghost")
    assert ghost["code"] == "app_not_in_workspace" and "register" in ghost["hint"]
    assert workspace.exchange(token, "ghost").code == "app_not_in_workspace"
    somebody.set_membership("beta", "suspended")
    suspended = explain(somebody)
    assert suspended["code"] == "app_access_denied" and "activate" in suspended["hint"]
    assert suspended["trace"][-1] == {"rule": "target_membership", "passed": False}
    somebody.set_membership("beta", None)
    key = workspace.new_key(target_apps=["gamma"])
    narrow = explain(somebody, apiKeyId=key.split("_")[1])
    assert narrow["code"] == "api_key_scope_denied" and narrow["failedRule"] == "key_scope"
    networked = workspace.new_key(networks=["10.0.0.0/8"])
    away = explain(somebody, apiKeyId=networked.split("_")[1], address="192.0.2.7")
    assert away["failedRule"] == "caller_network"
    assert explain(somebody, apiKeyId=networked.split("_")[1], address="10.1.2.3")["isAllowed"]
    assert explain(somebody, apiKeyId=secrets.token_hex(16))["code"] == "workspace_api_key_required"
    somebody.disable()
    assert "disabled" in explain(somebody)["hint"]


def test_nobody_has_no_session(explain, workspace):
    class Nobody:
        id = "01a20000-0000-7000-8000-000000000000"

    told = explain(Nobody)
    assert told["code"] == "invalid_access_token" and told["sessionId"] is None and "sign in" in told["hint"]


@pytest.mark.parametrize(
    "change",
    [
        {"userId": "not-an-id"},
        {"userId": None},
        {"sourceAppId": "a b"},
        {"targetAppId": 7},
        {"address": "nowhere"},
        {"colour": "green"},
    ],
)
def test_a_question_that_is_not_well_formed_is_refused_by_name(admin, person, change):
    body = {"userId": person.id, "sourceAppId": "acme", "targetAppId": "beta", **change}
    answer = admin.post("explain/exchange", body)
    assert answer.status == 422 and answer.json["details"]["field"] == next(iter(change)), answer


def test_a_refusal_is_found_again_by_its_request_id(admin, workspace, somebody, exchange):
    request_id = secrets.token_hex(16)
    headers = [*workspace.exchange_headers(somebody.token()), ("X-Request-Id", request_id)]
    answer = exchange.post(workspace.sessions_path, headers=headers, json={"app_id": "ghost"})
    assert answer.code == "app_not_in_workspace" and answer.header("X-Request-Id") == request_id
    found = until(lambda: (a := admin.get(f"explain/requests/{request_id}")).status == 200 and a, 5).json
    assert found["code"] == "app_not_in_workspace" and found["failedRule"] == "target_app" and found["hint"]
    assert found["userId"] == somebody.id and found["sourceAppId"] == "acme" and found["targetAppId"] is None
    assert problem(admin.get("explain/requests/unheard-of")) == "not_found"


def test_a_caller_without_a_key_leaves_nothing_behind(admin, workspace, exchange):
    before = workspace.count("exchange_refusals")
    for _ in range(20):
        assert exchange.post(workspace.sessions_path, json={"app_id": "beta"}).status == 401
    # A later refusal of a caller with a key is written: what came before it would be, too.
    request_id = secrets.token_hex(16)
    headers = {"Authorization": f"Bearer {workspace.api_key}", "X-Request-Id": request_id}
    assert exchange.post(workspace.sessions_path, headers=headers, json={"app_id": "beta"}).status == 401
    until(lambda: admin.get(f"explain/requests/{request_id}").status == 200, 5)
    assert workspace.count("exchange_refusals") == before + 1


def test_silent_sign_in_is_explained(admin, somebody):
    def ask(target):
        body = {"userId": somebody.id, "sourceAppId": "acme", "targetAppId": target}
        return admin.post("explain/authorize", body).json

    assert ask("beta")["isAllowed"] and ask("acme")["isAllowed"]
    gamma = ask("gamma")
    assert gamma["failedRule"] == "sso_group" and "group" in gamma["hint"]
    assert ask("ghost")["failedRule"] == "app"
    # The live path says the same.
    assert somebody.browse("GET", "/get-session", "beta").json is not None
    assert somebody.browse("GET", "/get-session", "gamma").json is None


class World:
    """One user's way from acme to beta, every part of which may be in the way."""

    def __init__(self, workspace, rng):
        self.workspace = workspace
        self.rng = rng
        self.person = workspace.sign_up()
        self.token = self.person.token()

    def change(self):
        """Sets everything that a rule looks at, at random."""
        pick = self.rng.choice
        person, workspace = self.person, self.workspace
        person._set(pick(["active", "active", "active", "disabled"]))
        person.set_membership("acme", pick(["active", "active", "active", "suspended", "pending_approval"]))
        person.set_membership("beta", pick([None, None, "active", "active", "suspended", "pending_approval", "disabled"]))
        workspace.database.execute(
            "UPDATE sessions SET revoked_at = CASE WHEN %s THEN now() END WHERE workspace_id = %s AND user_id = %s"
            " AND app_id = 'acme'",
            self.rng.random() < 0.15,
            workspace.uuid,
            person.id,
        )
        workspace.change_app(
            "beta",
            exchange_policy=pick(["workspace", "workspace", "sso_group", "sso_group", "none"]),
            signup_policy=pick(["open", "invite_only", "admin_approval", "auto_on_first_access"]),
            status=pick(["active", "active", "active", "suspended"]),
        )
        workspace.change_app("acme", status=pick(["active"] * 6 + ["suspended"]))
        workspace.database.change("DELETE FROM sso_group_apps WHERE workspace_id = %s AND app_id = 'beta'", workspace.uuid)
        if self.rng.random() < 0.5:
            workspace.database.change(
                "INSERT INTO sso_group_apps (workspace_id, group_id, app_id) VALUES (%s, 'suite', 'beta')", workspace.uuid
            )
        workspace.change(exchange_limit=pick([None, None, None, 1]))
        source, target = pick([None, None, ["acme"], ["gamma"]]), pick([None, None, ["beta"], ["gamma"]])
        workspace.database.change(
            "UPDATE api_keys SET source_apps = %s, target_apps = %s WHERE workspace_id = %s AND id = %s",
            source,
            target,
            workspace.uuid,
            workspace.api_key.split("_")[1],
        )
        workspace.wait_until_served()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(4))
def test_explanation_and_live_path_never_disagree(installation, admin, service, exchange, seed):
    """The same decision on the same facts, whatever they are."""
    workspace = installation.workspace()
    workspace.wait_until_served()
    own = Admin(service, workspace.admin_token)
    world = World(workspace, random.Random(seed))
    seen = set()
    for _ in range(40):
        world.change()
        target = world.rng.choice(["beta"] * 9 + ["ghost"])
        told = own.post(
            "explain/exchange",
            {
                "userId": world.person.id,
                "sourceAppId": "acme",
                "targetAppId": target,
                "apiKeyId": workspace.api_key.split("_")[1],
            },
        ).json
        lived = workspace.exchange(world.token, target)
        assert told["isAllowed"] == (lived.status == 200), (told, lived)
        assert told["code"] == (None if lived.status == 200 else lived.code), (told, lived)
        seen.add(told["failedRule"])
    assert len(seen) >= 5, seen
