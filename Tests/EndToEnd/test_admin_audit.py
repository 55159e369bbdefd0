"""What was done and who has it: the audit log and consistency (contract §8, §9)."""

import json
import secrets
import signal

import pytest

from harness.admin import Admin, problem
from harness.programs import run_program
from harness.waiting import until


@pytest.fixture(scope="module")
def service(installation):
    return installation.start_admin(SHUTDOWN_DRAIN="0s")


@pytest.fixture(scope="module")
def admin(service, workspace):
    return Admin(service, workspace.admin_token)


def verify(installation, workspace):
    environment = installation.environment("sso_admin")
    del environment["MASTER_KEYS_FILE"]
    return run_program("sso-admin", "verify-audit", "--workspace", workspace.slug, environment=environment)


def test_every_write_is_told_with_actor_before_after_and_request(admin, workspace):
    request_id = secrets.token_hex(16)
    name = "audited-" + secrets.token_hex(4)
    made = admin.post("applications", {"id": name}, headers={"X-Request-Id": request_id})
    changed = admin.patch(f"applications/{name}", {"name": "After"})
    assert made.status == 201 and changed.status == 200
    assert admin.delete(f"applications/{name}").status == 204
    (entry,) = admin.get(f"audit-log?requestId={request_id}").json["auditLog"]
    assert entry["action"] == "application.create" and entry["subject"] == f"application:{name}"
    assert entry["actor"].startswith("admin_token:") and entry["before"] is None and entry["after"]["id"] == name
    assert made.json["clientSecret"] not in json.dumps(entry)
    removal, update = admin.get("audit-log?limit=2").json["auditLog"]
    assert (update["action"], removal["action"]) == ("application.update", "application.delete")
    assert update["before"]["name"] == name and update["after"]["name"] == "After"
    assert removal["before"]["name"] == "After"
    assert [removal["sequence"], update["sequence"], entry["sequence"]] == list(
        range(removal["sequence"], removal["sequence"] - 3, -1)
    )


def test_a_refused_write_leaves_no_entry(admin, workspace):
    before = workspace.count("audit_log")
    assert admin.post("applications", {"id": "acme"}).status == 409
    assert admin.patch("applications/acme", {"name": "x"}, headers={"If-Match": '"other"'}).status == 412
    assert admin.delete("sso-groups/suite").status == 409
    assert workspace.count("audit_log") == before


def test_the_log_is_paged_narrowed_and_exported(admin, workspace):
    for number in range(6):
        admin.post("sso-groups", {"id": f"log-{number}-{secrets.token_hex(3)}"})
    whole = admin.everything("audit-log", "auditLog", limit=3)
    assert [entry["sequence"] for entry in whole] == list(range(len(whole), 0, -1))
    middle = whole[2]["at"]
    assert all(entry["at"] >= middle for entry in admin.everything(f"audit-log?from={middle}", "auditLog"))
    assert all(entry["at"] < middle for entry in admin.everything(f"audit-log?to={middle}", "auditLog"))
    exported = admin.get("audit-log", headers={"Accept": "application/x-ndjson"})
    assert exported.status == 200 and exported.header("Content-Type") == "application/x-ndjson"
    assert [json.loads(line) for line in exported.text.splitlines()] == whole[::-1]
    for query, field in (("from=yesterday", "from"), ("cursor=AAAA", "cursor"), ("actor=me", "actor")):
        assert admin.get(f"audit-log?{query}").json["details"]["field"] == field


@pytest.mark.parametrize("damage", ["nothing", "edited", "removed", "the first", "the last", "swapped", "forged"])
def test_a_log_that_was_touched_is_found_out(installation, service, damage):
    workspace = installation.workspace(keys=False, apps=False)
    admin = Admin(service, workspace.admin_token)
    for number in range(5):
        assert admin.post("sso-groups", {"id": f"g{number}"}).status == 201
    statements = {
        "nothing": [],
        "edited": ["UPDATE audit_log SET actor = 'nobody' WHERE workspace_id = %(w)s AND sequence = 3"],
        "removed": ["DELETE FROM audit_log WHERE workspace_id = %(w)s AND sequence = 3"],
        "the first": ["DELETE FROM audit_log WHERE workspace_id = %(w)s AND sequence = 1"],
        "the last": ["DELETE FROM audit_log WHERE workspace_id = %(w)s AND sequence = 6"],
        "swapped": [
            "UPDATE audit_log SET sequence = CASE sequence WHEN 3 THEN 1004 ELSE 1003 END"
            " WHERE workspace_id = %(w)s AND sequence IN (3, 4)",
            "UPDATE audit_log SET sequence = sequence - 1000 WHERE workspace_id = %(w)s AND sequence > 1000",
        ],
        # Somebody who hashes the row they changed, and not those behind it.
        "forged": [
            "UPDATE audit_log SET actor = 'nobody' WHERE workspace_id = %(w)s AND sequence = 3",
            "UPDATE audit_log SET hash = audit_hash(audit_log) WHERE workspace_id = %(w)s AND sequence = 3",
        ],
    }[damage]
    with installation.database.connect() as connection:
        for statement in statements:
            connection.execute(statement, {"w": workspace.uuid})
    done = verify(installation, workspace)
    if damage == "nothing":
        assert done.returncode == 0 and json.loads(done.stdout)["verdict"] == "intact", done
        assert json.loads(done.stdout)["entries"] == 6
        return
    assert done.returncode == 1, done
    said = {
        "edited": "altered: entry 3",
        "removed": "missing: entry 3",
        "the first": "missing: entry 1",
        "the last": "missing: entry 6",
        "swapped": "altered: entry 3",
        "forged": "reordered: entry 4",
    }[damage]
    assert said in done.stderr, done


def test_what_was_pruned_by_age_is_no_damage(installation, service):
    workspace = installation.workspace(keys=False, apps=False)
    admin = Admin(service, workspace.admin_token)
    for number in range(4):
        admin.post("sso-groups", {"id": f"g{number}"})
    with installation.database.connect() as connection:
        # As old as the log may get: the hashes are made anew, as if it had been so.
        connection.execute(
            "UPDATE audit_log SET at = now() - interval '500 days' WHERE workspace_id = %s AND sequence <= 3", [workspace.uuid]
        )
        connection.execute("SELECT prune('audit_log', 400, 1000)")
        left = connection.execute(
            "SELECT min(sequence), count(*) FROM audit_log WHERE workspace_id = %s", [workspace.uuid]
        ).fetchone()
    assert left == (4, 2)
    done = verify(installation, workspace)
    assert done.returncode == 0 and json.loads(done.stdout) == {"verdict": "intact", "entries": 2, "pruned_through": 3}, done


def test_consistency_names_the_nodes_that_have_a_change_and_those_that_have_not(admin, workspace, exchange, installation):
    change = admin.post("sso-groups", {"id": "seen-" + secrets.token_hex(4)})
    epoch = int(change.header("X-Epoch"))
    told = admin.get(f"consistency?epoch={epoch}&wait=2s").json
    assert told["epoch"] == epoch and told["isConsistent"] and told["missing"] == [], told
    assert {node["service"] for node in told["nodes"]} >= {"token-exchange", "sso-admin"}
    assert all(node["epoch"] >= epoch and node["appliedAt"] for node in told["nodes"])
    # A node that is stopped in its tracks has not got the next one.
    node = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    until(lambda: len(admin.get("consistency").json["nodes"]) == len(told["nodes"]) + 1, 10)
    node.signal(signal.SIGSTOP)
    try:
        epoch = int(admin.post("sso-groups", {"id": "unseen-" + secrets.token_hex(4)}).header("X-Epoch"))
        until(lambda: len(admin.get(f"consistency?epoch={epoch}").json["nodes"]) == len(told["nodes"]), 5)
        missing = admin.get(f"consistency?epoch={epoch}&wait=100ms").json
        assert not missing["isConsistent"] and [each["service"] for each in missing["missing"]] == ["token-exchange"]
    finally:
        node.signal(signal.SIGCONT)
    assert admin.get(f"consistency?epoch={epoch}&wait=5s").json["isConsistent"]
    # One that says goodbye is not waited for.
    assert node.stop() == 0
    for query, field in (("epoch=-1", "epoch"), ("epoch=x", "epoch"), ("wait=1h", "wait"), ("wait=11s", "wait")):
        assert admin.get(f"consistency?{query}").json["details"]["field"] == field
    assert problem(admin.get("consistency?since=1")) == "invalid_request"


def test_a_change_is_live_in_the_exchange_within_the_time_it_takes_to_ask(admin, workspace, somebody):
    """Repeatedly: a write, then an exchange that must see it as soon as every node says it has it."""
    token = somebody.token()
    for policy, status in (("none", 403), ("workspace", 200)) * 5:
        epoch = admin.patch("applications/beta", {"exchangePolicy": policy}).header("X-Epoch")
        assert admin.get(f"consistency?epoch={epoch}&wait=2s").json["isConsistent"]
        assert workspace.exchange(token).status == status
