"""What each service's role may do, and how to see that it may not do more."""

import psycopg

ROLES = ["token_exchange", "sso_admin", "key_rotator"]
# Ids, numbers and instants of all workspaces, which every service follows; the worker's list of who is due.
SHARED = {
    "workspace_epochs": ROLES,
    "changes": ROLES,
    "node_epochs": ROLES,
    "key_schedule": ["key_rotator"],
}

ALLOWED = {
    "token_exchange": {
        "SELECT": "workspaces workspace_secrets signing_keys apps app_origins app_redirect_uris sso_groups sso_group_apps"
        " api_keys users memberships sessions rate_windows jwks_fetches workspace_epochs changes nodes node_epochs"
        " schema_migrations api_key_uses",
        "INSERT": "users memberships sessions rate_windows jwks_fetches audit_log nodes node_epochs api_key_uses"
        " exchange_refusals",
        "UPDATE": "users memberships sessions rate_windows jwks_fetches nodes node_epochs api_key_uses",
        "DELETE": "rate_windows nodes node_epochs",
    },
    "sso_admin": {
        "SELECT": "workspaces apps app_origins app_redirect_uris sso_groups sso_group_apps api_keys users memberships"
        " admin_tokens platform_admin_tokens audit_log key_requests jwks_fetches workspace_epochs changes nodes node_epochs"
        " schema_migrations api_key_uses audit_heads idempotent_answers exchange_refusals rate_windows",
        "INSERT": "workspaces apps app_origins app_redirect_uris sso_groups sso_group_apps api_keys users memberships"
        " admin_tokens platform_admin_tokens audit_log nodes node_epochs idempotent_answers",
        "UPDATE": "workspaces apps app_origins app_redirect_uris sso_groups sso_group_apps api_keys users memberships"
        " admin_tokens platform_admin_tokens nodes node_epochs",
        "DELETE": "workspaces apps app_origins app_redirect_uris sso_groups sso_group_apps api_keys users memberships"
        " admin_tokens platform_admin_tokens nodes node_epochs",
    },
    "key_rotator": {
        "SELECT": "workspaces workspace_secrets signing_keys key_schedule key_requests session_partition_ends workspace_epochs"
        " changes nodes node_epochs schema_migrations",
        "INSERT": "workspace_secrets signing_keys key_schedule audit_log nodes node_epochs",
        "UPDATE": "workspace_secrets signing_keys key_schedule nodes node_epochs",
        "DELETE": "nodes node_epochs",
    },
}


def tenant_tables(database):
    """Every table that says whose its rows are, partitions aside, with the column that says it."""
    rows = database.rows(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'workspace_id' AND NOT a.attisdropped)"
    )
    return [("workspaces", "id")] + [(name, "workspace_id") for (name,) in sorted(rows)]


def enter(connection, workspace_uuid):
    connection.execute(
        "SELECT set_config('app.workspace_id', %s, true)", [str(workspace_uuid) if workspace_uuid else ""]
    )


def refused(connection, sql, *parameters, states=("42501",)):
    """Whether a statement is refused for want of a right, or by a policy."""
    try:
        with connection.transaction():
            connection.execute(sql, parameters)
    except psycopg.Error as error:
        assert error.sqlstate in states, (sql, error.sqlstate, error)
        return True
    return False
