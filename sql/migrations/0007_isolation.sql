SET LOCAL ROLE breezeway_owner;

-- Every tenant table shows and takes rows of one workspace only: the one named by the transaction-local setting
-- app.workspace_id. Unset (or '', which is what it is after the transaction that set it) means no rows.
DO $$
DECLARE
    tenant text;
    of_workspace constant text := $q$nullif(current_setting('app.workspace_id', true), '')::uuid$q$;
BEGIN
    FOREACH tenant IN ARRAY ARRAY[
        'workspaces', 'workspace_secrets', 'signing_keys', 'apps', 'app_origins', 'app_redirect_uris', 'sso_groups',
        'sso_group_apps', 'api_keys', 'users', 'memberships', 'sessions', 'rate_windows', 'admin_tokens',
        'audit_log', 'audit_heads', 'workspace_epochs', 'changes', 'node_epochs', 'key_schedule'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format(
            'CREATE POLICY tenant ON %1$I USING (%2$I = %3$s) WITH CHECK (%2$I = %3$s)',
            tenant, CASE WHEN tenant = 'workspaces' THEN 'id' ELSE 'workspace_id' END, of_workspace
        );
    END LOOP;
END
$$;

-- Coordination is the exception, and holds ids, numbers and instants only: every service follows the changes of
-- all workspaces, says how far it has come, and the worker finds the workspaces that are due.
CREATE POLICY feed ON workspace_epochs FOR SELECT TO token_exchange, sso_admin, key_rotator USING (true);
CREATE POLICY feed ON changes FOR SELECT TO token_exchange, sso_admin, key_rotator USING (true);
CREATE POLICY acknowledgement ON node_epochs
    TO token_exchange, sso_admin, key_rotator USING (true) WITH CHECK (true);
CREATE POLICY claim ON key_schedule TO key_rotator USING (true) WITH CHECK (true);

-- Each service may do what its statements need, and nothing else.
GRANT SELECT ON workspace_epochs, changes TO token_exchange, sso_admin, key_rotator;
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes, node_epochs TO token_exchange, sso_admin, key_rotator;

GRANT SELECT ON workspaces, workspace_secrets, signing_keys, apps, app_origins, app_redirect_uris, sso_groups,
    sso_group_apps, api_keys TO token_exchange;
GRANT SELECT, INSERT, UPDATE ON users, memberships, sessions TO token_exchange;
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_windows TO token_exchange;
GRANT INSERT ON audit_log TO token_exchange;

GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces, apps, app_origins, app_redirect_uris, sso_groups, sso_group_apps,
    api_keys, users, memberships, admin_tokens, platform_admin_tokens TO sso_admin;
GRANT SELECT (workspace_id, kid, algorithm, public_key, created_at, published_at, activates_at, retires_at,
    expires_at, compromised_at) ON signing_keys TO sso_admin;
GRANT SELECT (workspace_id, id, user_id, app_id, ancestors, api_key_id, authenticated_at, amr, scope, generation,
    rotated_at, ip, user_agent, created_at, last_used_at, expires_at, idle_timeout, revoked_at, revoked_reason),
    UPDATE (revoked_at, revoked_reason) ON sessions TO sso_admin;
GRANT SELECT, INSERT ON audit_log TO sso_admin;

GRANT SELECT ON workspaces TO key_rotator;
GRANT SELECT, INSERT, UPDATE ON workspace_secrets, signing_keys, key_schedule TO key_rotator;
GRANT INSERT ON audit_log TO key_rotator;

GRANT EXECUTE ON FUNCTION uuid_at(timestamptz) TO token_exchange, sso_admin, key_rotator;
GRANT EXECUTE ON FUNCTION any_session_revoked(uuid, uuid[]) TO token_exchange, sso_admin;
GRANT EXECUTE ON FUNCTION ensure_session_partitions(date, date) TO token_exchange, key_rotator;
-- Triggers run their function whoever the caller is; the audit hash is asked for by whoever verifies the chain.
GRANT EXECUTE ON FUNCTION audit_hash(audit_log) TO sso_admin;
