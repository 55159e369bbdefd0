"""The operator's commands: migrations that are safe to repeat, and makers that say what they made (contract §2)."""

import re
import shutil
import threading

import pytest

from harness.cluster import ROOT
from harness.programs import run_program
from harness.waiting import holds_throughout, until

MIGRATIONS = ROOT / "sql" / "migrations"


@pytest.fixture
def empty(cluster):
    made = cluster.create_database()
    try:
        yield made
    finally:
        made.drop()


def migrate(database, folder=None, **options):
    arguments = ["--migrations", str(folder)] if folder else []
    return run_program("sso-admin", "migrate", *arguments, environment={"DATABASE_URL": database.url()}, **options)


def test_migrating_again_changes_nothing(empty):
    assert migrate(empty).returncode == 0
    before = empty.rows("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version")
    assert [version for version, *_ in before] == list(range(1, len(list(MIGRATIONS.glob("*.sql"))) + 1))
    again = migrate(empty)
    assert again.returncode == 0, again.stderr
    assert empty.rows("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version") == before


def test_four_migrators_at_once_apply_everything_once(empty):
    results = []
    threads = [threading.Thread(target=lambda: results.append(migrate(empty))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [done.returncode for done in results] == [0] * 4, [done.stderr for done in results]
    assert empty.value("SELECT count(*) = count(DISTINCT version) FROM schema_migrations") is True


@pytest.mark.parametrize("spoil", ["changed", "missing", "out of order", "unnumbered"])
def test_a_migration_that_was_applied_and_is_not_the_same_is_refused(empty, tmp_path, spoil):
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    assert migrate(empty, folder).returncode == 0
    first, last = sorted(folder.glob("*.sql"))[0], sorted(folder.glob("*.sql"))[-1]
    if spoil == "changed":
        first.write_text(first.read_text(encoding="utf-8") + "\n-- later\n", encoding="utf-8")
    elif spoil == "missing":
        last.unlink()
    elif spoil == "out of order":
        shutil.copy(last, folder / "0000_early.sql")
    else:
        shutil.copy(last, folder / "late.sql")
    done = migrate(empty, folder)
    assert done.returncode != 0
    assert re.search(r"\d{4}|late", done.stderr), done.stderr


def test_a_migration_that_fails_leaves_nothing_of_itself(empty, tmp_path):
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    (folder / "9001_broken.sql").write_text("CREATE TABLE half (x int);\nSELECT 1/0;\n", encoding="utf-8")
    applied = len(list(MIGRATIONS.glob("*.sql")))
    done = migrate(empty, folder)
    assert done.returncode != 0 and done.stderr
    assert empty.value("SELECT to_regclass('half')") is None
    assert empty.value("SELECT count(*) FROM schema_migrations") <= applied


def test_a_folder_that_is_not_there_is_named(empty, tmp_path):
    done = migrate(empty, tmp_path / "nowhere")
    assert done.returncode != 0 and "nowhere" in done.stderr


def test_a_service_over_an_older_schema_is_not_ready_and_says_so(installation):
    service = installation.start_exchange(SHUTDOWN_DRAIN="0s")
    database = installation.database
    newest = "(SELECT max(version) FROM schema_migrations)"
    kept = database.execute(f"DELETE FROM schema_migrations WHERE version = {newest} RETURNING *").fetchone()
    try:
        assert service.stop() == 0
        service.start(ready=False)

        def knows():
            """What it says once it has asked: the database is there, the schema is not the one."""
            answer = service.probe("/readyz")
            checks = answer.json["checks"] if answer else {}
            return checks.get("database") == "ok" and checks.get("schema") != "ok" and answer

        answer = until(knows, 15)
        assert answer.status == 503
        holds_throughout(lambda: service.probe("/readyz").status == 503, 1.5, every=0.1)
        assert service.probe("/healthz").status == 200
    finally:
        database.execute("INSERT INTO schema_migrations VALUES (%s, %s, %s, %s)", *kept)
    until(lambda: service.is_ready, 15, what="it is ready once the schema is the one")
    assert service.stop() == 0


def test_a_workspace_is_made_with_key_and_token_shown_once_and_stored_as_hashes(installation):
    made = installation.admin("create-workspace", "--slug", "fresh", "--name", "Fresh")
    assert set(made) == {"id", "slug", "issuer", "api_key", "admin_token"}
    assert re.fullmatch(r"ws_[0-9a-f]{32}", made["id"]) and made["slug"] == "fresh"
    assert made["issuer"] == f"{installation.public_url}/w/fresh"
    assert re.fullmatch(r"scwor_[0-9a-f]{32}_[A-Za-z0-9_-]{43}", made["api_key"])
    assert made["admin_token"].startswith("bwadm_")
    rows = installation.database.rows(
        "SELECT length(secret_hash) FROM api_keys UNION ALL SELECT length(secret_hash) FROM admin_tokens"
    )
    assert {length for (length,) in rows} == {32}


@pytest.mark.parametrize(
    "arguments",
    [
        ["create-workspace", "--slug", "fresh"],
        ["create-workspace", "--slug", "Not a slug"],
        ["create-workspace", "--slug", ""],
        ["create-workspace"],
        ["create-workspace", "--slug", "x", "--algorithm", "HS256"],
        ["create-app", "--workspace", "nowhere", "--id", "x"],
        ["create-app", "--workspace", "fresh", "--id", "a b"],
        ["create-app", "--workspace", "fresh", "--id", "scli_abcdefghijklmnopqrst"],
        ["create-app", "--workspace", "fresh", "--id", "x" * 65],
        ["create-app", "--workspace", "fresh", "--id", "y", "--group", "nowhere"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--access-expiration", "59"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--refresh-expiration", "31536001"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--exchange-policy", "all"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--signup-policy", "all"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--client-type", "fax"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--origin", "not an origin"],
        ["create-app", "--workspace", "fresh", "--id", "y", "--origin", "https://a.example/path"],
        ["create-group", "--workspace", "nowhere", "--id", "x"],
        ["create-group", "--workspace", "fresh", "--id", ""],
        ["create-admin-token", "--role", "emperor"],
        ["create-admin-token", "--workspace", "nowhere"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_made_is_refused_with_words_and_nothing_is_made(installation, arguments):
    database = installation.database
    if database.value("SELECT count(*) FROM workspaces WHERE slug = 'fresh'") == 0:
        installation.admin("create-workspace", "--slug", "fresh", "--name", "Fresh")
    tables = ("workspaces", "apps", "sso_groups", "admin_tokens", "platform_admin_tokens", "app_origins", "audit_log")
    before = [database.value(f"SELECT count(*) FROM {table}") for table in tables]
    done = run_program("sso-admin", *arguments, environment=installation.environment("sso_admin"))
    assert done.returncode not in (0, -6, -11, 132, 134, 139), done
    assert done.stderr.strip() and done.stdout == ""
    assert "server(" not in done.stderr and "PostgresError" not in done.stderr, done.stderr
    assert [database.value(f"SELECT count(*) FROM {table}") for table in tables] == before


def test_an_admin_token_is_of_the_installation_or_of_one_workspace(installation):
    platform = installation.admin("create-admin-token", "--role", "owner", "--name", "e2e")
    assert platform["token"].startswith("bwadm_")
    workspace = installation.workspace(apps=False, keys=False)
    one = installation.admin("create-admin-token", "--workspace", workspace.slug, "--role", "viewer")
    assert one["token"].startswith("bwadm_") and one["token"] != platform["token"]
    assert workspace.count("admin_tokens") == 2


def test_every_making_is_in_the_audit_log_and_the_chain_is_whole(installation):
    workspace = installation.workspace()
    actions = [
        row[0]
        for row in workspace.database.rows(
            "SELECT action FROM audit_log WHERE workspace_id = %s ORDER BY sequence", workspace.uuid
        )
    ]
    assert actions[0] == "workspace.create"
    assert {"application.create", "sso_group.create", "signing_key.create"} <= set(actions)
    assert (
        workspace.database.value(
            "SELECT bool_and(hash = audit_hash(a)) FROM audit_log a WHERE workspace_id = %s", workspace.uuid
        )
        is True
    )


def test_the_worker_makes_a_key_once_however_often_it_runs(installation):
    workspace = installation.workspace(keys=False, apps=False)
    assert workspace.count("signing_keys") == 0
    for _ in range(3):
        installation.make_keys()
    keys = workspace.keys("kid, sealed_private_key, activates_at <= now()")
    assert [signs for *_, signs in keys] == [True, False]
    for kid, sealed, _ in keys:
        assert re.fullmatch(r"[0-9a-f-]{36}_\d{10}", kid)
        # PKCS#8 begins so: the private key is not stored as it is.
        assert b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" not in bytes(sealed)


def test_a_key_does_not_open_for_another_workspace_or_under_another_master_key(installation, tmp_path):
    workspace, twin = installation.workspace(), installation.workspace()
    person = workspace.sign_up()
    token = person.token()
    assert workspace.exchange(token).status == 200
    [(twins,)] = twin.keys("sealed_private_key", "activates_at <= now()")
    [(kept,)] = workspace.keys("sealed_private_key", "activates_at <= now()")
    workspace.database.change(
        "UPDATE signing_keys SET sealed_private_key = %s WHERE workspace_id = %s AND activates_at <= now()", twins, workspace.uuid
    )
    workspace.wait_until_served()
    assert workspace.exchange(token).status == 503
    assert twin.exchange(twin.sign_up().token()).status == 200
    spoilt = bytearray(kept)
    spoilt[-1] ^= 1
    workspace.database.change(
        "UPDATE signing_keys SET sealed_private_key = %s WHERE workspace_id = %s AND activates_at <= now()", bytes(spoilt), workspace.uuid
    )
    workspace.wait_until_served()
    assert workspace.exchange(token).status == 503
    workspace.database.change(
        "UPDATE signing_keys SET sealed_private_key = %s WHERE workspace_id = %s AND activates_at <= now()", kept, workspace.uuid
    )
    workspace.wait_until_served()
    assert workspace.exchange(token).status == 200
    file = tmp_path / "other.keys"
    file.write_text("other:" + "QUJD" * 10 + "QUI=\n", encoding="utf-8")
    stranger = installation.start_exchange(MASTER_KEYS_FILE=str(file), SHUTDOWN_DRAIN="0s", ready=False)
    until(lambda: stranger.probe("/healthz") is not None, 15)
    until(lambda: stranger.get(f"/v1/apps/{workspace.apps['beta'].client_id}").status == 200, 10)
    assert workspace.exchange(token, service=stranger).status == 503
    # What needs no private key goes on.
    assert stranger.get(f"/v1/auth/{workspace.apps['beta'].client_id}/.well-known/jwks.json").json["keys"]
    stranger.kill()
