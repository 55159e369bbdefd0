import Domain
import Foundation
import Postgres
import Storage
import Testing

/// What the schema says of itself.
extension `Row-level security` {
    @Test func `is forced on every table of a workspace, by that workspace's setting alone`() async throws {
        try await withInstallation { installation in
            let tenants = try await installation.texts(
                """
                SELECT DISTINCT attrelid::regclass::text
                FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
                WHERE (attname = 'workspace_id' OR relname = 'workspaces') AND relnamespace = 'public'::regnamespace
                    AND relkind IN ('r', 'p')
                """
            )
            #expect(tenants.count > 20)
            let forced = try await installation.texts(
                "SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
            )
            #expect(Set(tenants).subtracting(forced) == [])

            let policies = try await installation.texts(
                """
                SELECT DISTINCT concat_ws(' ', polrelid::regclass, pg_get_expr(polqual, polrelid),
                    pg_get_expr(polwithcheck, polrelid))
                FROM pg_policy
                WHERE polname = 'tenant' AND polpermissive AND polcmd = '*' AND polroles = '{0}'
                """
            )
            let setting = "(NULLIF(current_setting('app.workspace_id'::text, true), ''::text))::uuid"
            let expected = rights.keys.filter { tenantColumn($0) != nil }.map { table in
                let rule = "(\(tenantColumn(table) ?? "") = \(setting))"
                return "\(table) \(rule) \(rule)"
            }
            #expect(Set(policies) == Set(expected))
            let others = try await installation.texts(
                """
                SELECT polrelid::regclass::text
                FROM pg_policy
                WHERE polname <> 'tenant' AND polroles <> ARRAY['breezeway_owner'::regrole::oid]
                """
            )
            #expect(Set(others) == Set(sharedTables.keys))
            let owners = try await installation.texts(
                """
                SELECT DISTINCT polname || ' ' || regexp_replace(polrelid::regclass::text, '[0-9]{8}$', 'week')
                FROM pg_policy
                WHERE polroles = ARRAY['breezeway_owner'::regrole::oid]
                """
            )
            #expect(
                Set(owners) == [
                    "measure sessions_week", "retention changes", "retention rate_windows",
                    "retention audit_log", "retention audit_heads", "retention idempotent_answers",
                    "retention exchange_refusals",
                ]
            )
        }
    }

    @Test func `is not escaped by a key: each begins with the workspace`() async throws {
        try await withInstallation { installation in
            let primary = try await installation.texts(
                """
                SELECT conrelid::regclass::text
                FROM pg_constraint
                JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
                WHERE contype = 'p' AND connamespace = 'public'::regnamespace AND attname <> 'workspace_id'
                """
            )
            #expect(
                Set(primary) == [
                    "workspaces", "nodes", "platform_admin_tokens", "schema_migrations",
                    "session_partition_ends",
                ]
            )
            let foreign = try await installation.texts(
                """
                SELECT conname::text
                FROM pg_constraint
                JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
                WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND attname <> 'workspace_id'
                """
            )
            #expect(foreign == ["node_epochs_node"])
        }
    }

    @Test func `is not escaped by a function: those with their definer's rights have a path of their own`()
        async throws
    {
        try await withInstallation { installation in
            let definers = try await installation.texts(
                """
                SELECT proname || ' ' || coalesce(array_to_string(proconfig, ','), '')
                FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND prosecdef
                """
            )
            let path = "search_path=pg_catalog, public"
            #expect(
                Set(definers) == [
                    "record_change \(path)", "schedule_keys \(path)", "chain_audit \(path)",
                    "ensure_session_partitions \(path)", "guard_signing_key \(path)",
                    "guard_signing_key_removal \(path)", "check_signing_chain \(path)",
                    "raise_longest_token \(path)", "hasten_keys \(path)", "revoke_sessions \(path)",
                    "measure_session_partition \(path)", "drop_session_partition \(path),lock_timeout=100ms",
                    "prune \(path)", "unschedule_keys \(path)", "end_stuck_listeners \(path)",
                ]
            )
            #expect(
                try await installation.number(
                    """
                    SELECT count(*)
                    FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted
                    WHERE pronamespace = 'public'::regnamespace AND granted.grantee = 0
                    """
                ) == 0
            )
        }
    }
}
