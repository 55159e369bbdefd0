"""The database itself keeps workspaces apart (PG-1 to PG-13)."""

import datetime

import psycopg
import pytest

from harness.rights import ALLOWED, ROLES, SHARED, enter, tenant_tables
from harness.waiting import until


@pytest.fixture(scope="module")
def database(installation):
    return installation.database


@pytest.fixture(scope="module", autouse=True)
def populated(workspace, other):
    """Rows of two workspaces in every tenant table."""
    for each in (workspace, other):
        person = each.sign_up()
        person.exchanged()
        each.database.execute(
            "INSERT INTO rate_windows (workspace_id, subject, window_start, count) VALUES (%s, 'exchange', now(), 1)",
            each.uuid,
        )
        each.database.execute(
            "INSERT INTO app_redirect_uris (workspace_id, app_id, redirect_uri) VALUES (%s, 'acme', 'https://a.example/cb')",
            each.uuid,
        )
        each.database.execute(
            "INSERT INTO jwks_fetches (workspace_id, app_id, fetched_at) VALUES (%s, 'acme', now())", each.uuid
        )
        each.database.execute(
            "INSERT INTO api_key_uses SELECT workspace_id, id, now() FROM api_keys WHERE workspace_id = %s", each.uuid
        )
        each.database.execute(
            "INSERT INTO idempotent_answers (workspace_id, key_hash, request_hash, sealed_answer)"
            " VALUES (%s, sha256('k'), sha256('r'), 's')",
            each.uuid,
        )
        each.database.execute(
            "INSERT INTO exchange_refusals (workspace_id, request_id, at, code, rule) VALUES (%s, 'r', now(), 'c', 'r')",
            each.uuid,
        )
        each.installation.admin("rotate-key", "--workspace", each.slug, "--wait", "0")


def test_every_tenant_table_enables_and_forces_row_level_security_and_has_rows(database):
    tables = tenant_tables(database)
    assert len(tables) >= 18
    for table, column in tables:
        enabled, forced = database.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table
        ).fetchone()
        assert enabled and forced, table
        owners = {row[0] for row in database.rows(f"SELECT DISTINCT {column} FROM {table}")}
        assert len(owners) >= 2, f"{table} is not exercised by this test"


def test_every_partition_enables_and_forces_it_too(database):
    rows = database.rows(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relispartition AND relkind = 'r'"
    )
    assert rows
    assert [name for name, enabled, forced in rows if not (enabled and forced)] == []


@pytest.mark.parametrize("role", ROLES)
def test_without_a_workspace_there_are_no_rows(database, role):
    with database.connect(role) as connection:
        for table, column in tenant_tables(database):
            if table not in ALLOWED[role]["SELECT"].split() or role in SHARED.get(table, []):
                continue
            for unset in (False, True):
                with connection.transaction():
                    if unset:
                        enter(connection, None)
                    count = connection.execute(f"SELECT count({column}) FROM {table}").fetchone()[0]
                assert count == 0, (table, unset)


@pytest.mark.parametrize("role", ROLES)
def test_inside_one_workspace_only_its_rows_are_there(database, workspace, role):
    with database.connect(role) as connection:
        for table, column in tenant_tables(database):
            if table not in ALLOWED[role]["SELECT"].split() or role in SHARED.get(table, []):
                continue
            with connection.transaction():
                enter(connection, workspace.uuid)
                seen = {row[0] for row in connection.execute(f"SELECT DISTINCT {column} FROM {table}")}
            assert seen == {workspace.uuid}, table


@pytest.mark.parametrize("role", ROLES)
def test_the_setting_does_not_outlive_its_transaction(database, workspace, role):
    with database.connect(role) as connection:
        with connection.transaction():
            enter(connection, workspace.uuid)
        assert connection.execute("SELECT count(*) FROM workspaces").fetchone()[0] == 0


@pytest.mark.parametrize("role", ROLES)
def test_rows_of_another_workspace_are_neither_written_nor_changed_nor_deleted(database, workspace, other, role):
    rights = {verb: set(names.split()) for verb, names in ALLOWED[role].items()}
    with database.connect(role) as connection:
        for table, column in tenant_tables(database):
            if role in SHARED.get(table, []):
                continue
            before = database.value(f"SELECT count(*) FROM {table} WHERE {column} = %s", other.uuid)
            if table in rights["DELETE"]:
                with connection.transaction():
                    enter(connection, workspace.uuid)
                    assert connection.execute(f"DELETE FROM {table} WHERE {column} = %s", [other.uuid]).rowcount == 0
            if table in rights["UPDATE"] and (role, table) != ("sso_admin", "sessions"):
                with connection.transaction():
                    enter(connection, workspace.uuid)
                    sql = f"UPDATE {table} SET {column} = {column} WHERE {column} = %s"
                    assert connection.execute(sql, [other.uuid]).rowcount == 0
                # Nor is a row of one's own given away.
                connection.execute("BEGIN")
                enter(connection, workspace.uuid)
                with pytest.raises(psycopg.Error) as caught:
                    connection.execute(
                        f"UPDATE {table} SET {column} = %s WHERE {column} = %s", [other.uuid, workspace.uuid]
                    )
                connection.execute("ROLLBACK")
                # A key stays where it was published, by a rule of its own that is asked first.
                expected = "23514" if table == "signing_keys" else "42501"
                assert caught.value.sqlstate == expected, (table, caught.value)
            assert database.value(f"SELECT count(*) FROM {table} WHERE {column} = %s", other.uuid) == before


FOREIGN_ROWS = {
    "token_exchange": [
        "INSERT INTO users (workspace_id, id, email, email_key, name) VALUES (%(foreign)s, gen_random_uuid(), 'a@b.c', 'a@b.c', 'x')",
        "INSERT INTO rate_windows (workspace_id, subject, window_start, count) VALUES (%(foreign)s, 'x', now(), 1)",
        "INSERT INTO audit_log (workspace_id, sequence, at, actor, action, subject, previous_hash, hash)"
        " VALUES (%(foreign)s, 0, now(), 'x', 'x.y', 'x', '', '')",
        "INSERT INTO memberships (workspace_id, user_id, app_id) SELECT %(foreign)s, id, 'gamma' FROM users LIMIT 1",
    ],
    "sso_admin": [
        "INSERT INTO sso_groups (workspace_id, id, name) VALUES (%(foreign)s, 'x', 'x')",
        "INSERT INTO workspaces (id, slug, name, issuer) VALUES (%(foreign)s, 'x', 'x', 'https://x.example')",
        "INSERT INTO admin_tokens (workspace_id, id, name, role, secret_hash)"
        " VALUES (%(foreign)s, gen_random_uuid(), 'x', 'owner', sha256('x'))",
    ],
    "key_rotator": [
        "INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, published_at, activates_at)"
        " VALUES (%(foreign)s, 'aaaaaaaaaaaaaaaaaaaa', 'ES256', '', now(), now())",
        "INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed) VALUES (%(foreign)s, 'browser', 'x', '')",
    ],
}


@pytest.mark.parametrize("role, sql", [(role, sql) for role, statements in FOREIGN_ROWS.items() for sql in statements])
def test_a_row_for_another_workspace_is_refused(database, workspace, other, role, sql):
    with database.connect(role) as connection:
        for own in (workspace.uuid, None):
            connection.execute("BEGIN")
            enter(connection, own)
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(sql, {"foreign": other.uuid})
                # No row to insert from is no row inserted.
                raise (
                    psycopg.errors.InsufficientPrivilege("nothing was inserted") if own is None else AssertionError(sql)
                )
            connection.execute("ROLLBACK")
            assert isinstance(caught.value, psycopg.errors.InsufficientPrivilege), caught.value


def test_every_foreign_key_between_tenant_tables_carries_the_workspace(database):
    tables = [name for name, _ in tenant_tables(database)]
    rows = database.rows(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0"
    )
    assert rows
    for table, target, definition in rows:
        if table not in tables or target not in tables:
            continue
        assert definition.startswith("FOREIGN KEY (workspace_id"), (table, definition)


def test_every_primary_key_and_index_of_a_tenant_table_begins_with_the_workspace(database):
    for table, column in tenant_tables(database):
        key = database.value(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indisprimary AND i.indrelid = %s::regclass",
            table,
        )
        assert key == column, table


def test_a_row_cannot_point_into_another_workspace(database, workspace, other):
    theirs = database.value("SELECT id FROM users WHERE workspace_id = %s LIMIT 1", other.uuid)
    with database.connect("token_exchange") as connection:
        connection.execute("BEGIN")
        enter(connection, workspace.uuid)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(
                "INSERT INTO memberships (workspace_id, user_id, app_id) VALUES (%s, %s, 'gamma')",
                [workspace.uuid, theirs],
            )
        connection.execute("ROLLBACK")


def test_a_look_up_by_session_id_reads_one_partition_by_its_key(database, workspace):
    session_id = database.value("SELECT id FROM sessions WHERE workspace_id = %s LIMIT 1", workspace.uuid)
    assert database.value("SELECT count(*) FROM session_partitions()") >= 3
    with database.connect("token_exchange") as connection, connection.transaction():
        enter(connection, workspace.uuid)
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            row[0]
            for row in connection.execute(
                f"EXPLAIN SELECT * FROM sessions WHERE workspace_id = '{workspace.uuid}' AND id = '{session_id}'"
            )
        )
    assert plan.count("Scan") == 1 and "Append" not in plan, plan
    assert "Index Cond" in plan and "workspace_id" in plan, plan


def test_a_week_without_a_partition_costs_nobody_their_sign_in(installation, workspace):
    """The worker has not run for long: the service makes the partition itself, once."""
    database = installation.database
    today = datetime.datetime.now(datetime.timezone.utc)
    if today.hour == 23 and today.minute > 50:
        pytest.skip("the day is about to end")
    person = workspace.sign_up()
    token = person.token()
    partition = database.value(
        "SELECT partition FROM session_partitions() WHERE %s BETWEEN first_day AND end_day - 1", today.date()
    )
    rows = database.value(f"SELECT count(*) FROM {partition}")
    assert rows > 0
    database.execute(f"ALTER TABLE sessions DETACH PARTITION {partition}")
    database.execute(f"ALTER TABLE {partition} RENAME TO kept_{partition}")
    try:
        newcomer = workspace.sign_up()
        assert workspace.exchange(newcomer.token()).status == 200
    finally:
        kept = database.value(f"SELECT to_regclass('{partition}') IS NOT NULL")
        if kept:
            database.execute(f"INSERT INTO {partition} SELECT * FROM kept_{partition}")
            database.execute(f"DROP TABLE kept_{partition}")
        else:
            database.execute(f"ALTER TABLE kept_{partition} RENAME TO {partition}")
    assert workspace.exchange(token).status in (200, 401)


@pytest.mark.parametrize("table", ["sessions", "exchange_refusals"])
def test_nobody_is_served_from_a_database_that_does_not_force_row_level_security(installation, workspace, table):
    person = workspace.sign_up()
    token = person.token()
    copy = installation.database
    copy.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    try:
        exchange = installation.start_exchange(ready=False, SHUTDOWN_DRAIN="0s")
        admin = installation.start_admin(ready=False, SHUTDOWN_DRAIN="0s")
        for service in (exchange, admin):
            ready = until(lambda: (a := service.probe()) is not None and "force" in a.text and a, 10)
            assert ready.status == 503 and table in ready.json["checks"]["database"], ready
        assert workspace.exchange(token, service=exchange).status == 503
        answer = admin.get("/api/admin/applications", headers={"Authorization": f"Bearer {workspace.admin_token}"})
        assert answer.status == 503, answer
        exchange.kill()
        admin.kill()
    finally:
        copy.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
