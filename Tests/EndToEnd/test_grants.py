"""Each service may do what its statements need and nothing else (PG-1, PG-7, PG-10)."""

import psycopg
import pytest

from harness.rights import ALLOWED, ROLES, enter, refused


@pytest.fixture(scope="module")
def database(installation):
    return installation.database


@pytest.fixture(scope="module", autouse=True)
def populated(person):
    """A session, so that there is a partition with a row."""
    person.exchanged()


@pytest.mark.parametrize("role", ROLES)
def test_a_service_owns_nothing_and_is_nobody_special(database, role):
    assert (
        database.value(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = %s",
            role,
        )
        is False
    )
    owned = database.value(
        "SELECT count(*) FROM (SELECT relowner AS owner FROM pg_class UNION ALL SELECT proowner FROM pg_proc"
        " UNION ALL SELECT nspowner FROM pg_namespace UNION ALL SELECT typowner FROM pg_type) o WHERE owner = %s::regrole",
        role,
    )
    assert owned == 0
    member = database.value("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", role)
    assert member == 0


def test_the_owner_cannot_log_in_and_owns_every_table_and_function(database):
    assert database.value("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'breezeway_owner'") is False
    strangers = database.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        " AND relowner <> 'breezeway_owner'::regrole"
    )
    assert strangers == []
    assert (
        database.rows(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner <> 'breezeway_owner'::regrole"
        )
        == []
    )


@pytest.mark.parametrize("role", ROLES)
def test_the_grants_are_exactly_what_the_statements_need(database, role):
    tables = [
        row[0]
        for row in database.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition"
        )
    ]
    for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
        granted = {
            table for table in tables if database.value("SELECT has_table_privilege(%s, %s, %s)", role, table, verb)
        }
        assert granted == set(ALLOWED[role].get(verb, "").split()), verb


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_granted_is_refused_when_tried(database, workspace, role):
    tables = [
        row[0]
        for row in database.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
    ]
    partial = {"signing_keys", "sessions"} if role == "sso_admin" else set()
    with database.connect(role) as connection:
        for table in tables:
            assert refused(connection, f"TRUNCATE {table}"), table
            assert refused(connection, f"DROP TABLE {table}"), table
            assert refused(connection, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"), table
            verbs = {
                "SELECT": f"SELECT * FROM {table} LIMIT 1",
                "DELETE": f"DELETE FROM {table}",
                "INSERT": f"INSERT INTO {table} DEFAULT VALUES",
            }
            for verb, sql in verbs.items():
                # It may write what it asks, column by column, and nothing of what comes of it.
                asks = (role, verb, table) == ("sso_admin", "INSERT", "key_requests")
                if table not in ALLOWED[role][verb].split() and not asks:
                    assert refused(connection, sql), (verb, table)
        for table in partial:
            assert refused(connection, f"SELECT * FROM {table}"), table
        for sql in (
            "CREATE TABLE mine (x int)",
            "CREATE SCHEMA mine",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "SET ROLE breezeway_owner",
            "SET SESSION AUTHORIZATION breezeway_owner",
            "CREATE ROLE mine",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY users TO PROGRAM 'cat'",
        ):
            assert refused(connection, sql), sql
    del workspace


@pytest.mark.parametrize("columns", ["sealed_private_key", "workspace_id, sealed_private_key"])
def test_the_admin_service_never_reads_a_private_key(database, columns):
    with database.connect("sso_admin") as connection:
        assert refused(connection, f"SELECT {columns} FROM signing_keys")
        assert refused(connection, "SELECT cookie_hash FROM sessions")
        assert refused(connection, "UPDATE sessions SET expires_at = now()")
        assert refused(connection, "SELECT * FROM workspace_secrets")


def test_the_worker_never_sees_a_session_or_a_person(database):
    with database.connect("key_rotator") as connection:
        for table in ("sessions", "users", "memberships", "api_keys", "admin_tokens"):
            assert refused(connection, f"SELECT count(*) FROM {table}"), table


def test_the_admin_service_asks_about_keys_and_answers_nothing(database, workspace):
    with database.connect("sso_admin") as connection:
        for column in ("decided_at", "outcome", "epoch", "sessions_revoked", "acknowledged_at", "requested_at"):
            assert refused(connection, f"INSERT INTO key_requests ({column}) VALUES (NULL)"), column
            assert refused(connection, f"UPDATE key_requests SET {column} = NULL"), column
        assert refused(connection, "SELECT revoke_sessions(now(), gen_random_uuid(), 1)")
    del workspace


@pytest.mark.parametrize("role", ROLES)
def test_a_partition_is_not_reached_directly(database, role):
    partitions = [
        row[0] for row in database.rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    ]
    assert partitions
    with database.connect(role) as connection:
        for partition in partitions:
            for sql in (
                f"SELECT count(*) FROM {partition}",
                f"DELETE FROM {partition}",
                f"UPDATE {partition} SET revoked_at = now()",
                f"INSERT INTO {partition} DEFAULT VALUES",
            ):
                assert refused(connection, sql), sql


@pytest.mark.parametrize("role", ["token_exchange", "key_rotator"])
def test_the_maker_of_partitions_is_bounded(database, role):
    with database.connect(role) as connection:
        for first, last in (
            ("current_date", "current_date + 1000"),
            ("current_date - 2000", "current_date"),
            ("'0001-01-01'", "'9999-12-31'"),
        ):
            assert refused(connection, f"SELECT ensure_session_partitions({first}, {last})", states=("22023", "22008"))


def test_the_audit_log_is_neither_changed_nor_deleted_by_any_service(database, workspace):
    for role in ROLES:
        with database.connect(role) as connection:
            for sql in (
                "UPDATE audit_log SET actor = 'x'",
                "DELETE FROM audit_log",
                "UPDATE audit_heads SET sequence = 0",
            ):
                connection.execute("BEGIN")
                enter(connection, workspace.uuid)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql)
                connection.execute("ROLLBACK")


def test_functions_of_definers_rights_have_a_fixed_search_path_and_no_public_execution(database):
    rows = database.rows(
        "SELECT proname, prosecdef, proconfig, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert rows
    for name, definer, config, rights in rows:
        assert not definer or any(entry.startswith("search_path=pg_catalog") for entry in config or []), name
        assert rights and not rights.startswith("{=") and ",=" not in rights, name
