import Domain
import Foundation
import Postgres
import Storage
import Testing

/// What a role may do with whole tables: Select, Insert, Update, Delete.
private let rights: [String: [ServiceRole: String]] = [
    "admin_tokens": [.ssoAdmin: "SIUD"],
    "api_keys": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "app_origins": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "app_redirect_uris": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "apps": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "audit_heads": [:],
    "audit_log": [.tokenExchange: "I", .ssoAdmin: "SI", .keyRotator: "I"],
    "changes": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "jwks_fetches": [.tokenExchange: "SIU", .ssoAdmin: "S"],
    "key_requests": [.ssoAdmin: "S", .keyRotator: "S"],
    "key_schedule": [.keyRotator: "SIU"],
    "memberships": [.tokenExchange: "SIU", .ssoAdmin: "SIUD"],
    "node_epochs": [.tokenExchange: "SIUD", .ssoAdmin: "SIUD", .keyRotator: "SIUD"],
    "nodes": [.tokenExchange: "SIUD", .ssoAdmin: "SIUD", .keyRotator: "SIUD"],
    "platform_admin_tokens": [.ssoAdmin: "SIUD"],
    "rate_windows": [.tokenExchange: "SIUD"],
    "schema_migrations": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "session_days": [.keyRotator: "S"],
    "sessions": [.tokenExchange: "SIU"],
    "signing_keys": [.tokenExchange: "S", .keyRotator: "SIU"],
    "sso_group_apps": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "sso_groups": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "users": [.tokenExchange: "SIU", .ssoAdmin: "SIUD"],
    "workspace_epochs": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "workspace_secrets": [.tokenExchange: "S", .keyRotator: "SIU"],
    "workspaces": [.tokenExchange: "S", .ssoAdmin: "SIUD", .keyRotator: "S"],
]

/// Coordination: ids, numbers and instants that every service, or the worker, follows over all workspaces.
private let sharedTables: [String: Set<ServiceRole>] = [
    "workspace_epochs": Set(ServiceRole.allCases), "changes": Set(ServiceRole.allCases),
    "node_epochs": Set(ServiceRole.allCases), "key_schedule": [.keyRotator],
]

@Suite struct `A service's role` {
    @Test func `has the rights its statements need and no other`() async throws {
        try await withInstallation { installation in
            let tables = try await installation.texts(
                """
                SELECT relname::text FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                    AND relname !~ '^sessions_[0-9]{8}$' AND relkind <> 'S'
                """
            )
            #expect(Set(tables) == Set(rights.keys))
            for role in ServiceRole.allCases {
                let held = try await installation.texts(
                    """
                    SELECT relname || ' ' || (
                        SELECT coalesce(string_agg(left(privilege, 1), '' ORDER BY place), '')
                        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
                            WITH ORDINALITY AS asked (privilege, place)
                        WHERE has_table_privilege('\(role.rawValue)', pg_class.oid, privilege)
                    )
                    FROM pg_class
                    WHERE relname = ANY ('{\(tables.joined(separator: ","))}')
                        AND relnamespace = 'public'::regnamespace
                    """
                )
                #expect(Set(held) == Set(rights.map { "\($0.key) \($0.value[role] ?? "")" }), "\(role)")
            }
        }
    }

    @Test func `of the admin sees no private key and no cookie, and only ends sessions`() async throws {
        try await withInstallation { installation in
            func columns(_ privilege: String) async throws -> [String] {
                try await installation.texts(
                    """
                    SELECT attrelid::regclass || '.' || attname
                    FROM pg_attribute
                    WHERE attrelid IN ('sessions'::regclass, 'signing_keys'::regclass) AND attnum > 0
                        AND has_column_privilege('sso_admin', attrelid, attnum, '\(privilege)')
                    """
                )
            }
            let all = try await installation.texts(
                """
                SELECT attrelid::regclass || '.' || attname
                FROM pg_attribute
                WHERE attrelid IN ('sessions'::regclass, 'signing_keys'::regclass) AND attnum > 0
                """
            )
            #expect(
                Set(all).subtracting(try await columns("SELECT")) == [
                    "signing_keys.sealed_private_key", "sessions.cookie_hash",
                ]
            )
            #expect(try await Set(columns("UPDATE")) == ["sessions.revoked_at", "sessions.revoked_reason"])
            #expect(try await columns("INSERT") == [])
            #expect(try await columns("REFERENCES") == [])
        }
    }

    @Test func `is bound by row-level security and owns nothing`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                let pool = installation.pool(as: role)
                #expect(
                    try await installation.texts("SELECT current_user::text", through: pool) == [
                        role.rawValue
                    ]
                )
            }
            #expect(
                try await installation.number(
                    """
                    SELECT count(*) FROM pg_roles
                    WHERE rolname IN ('breezeway_owner', 'token_exchange', 'sso_admin', 'key_rotator')
                        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
                    """
                ) == 0
            )
            #expect(
                try await installation.number(
                    """
                    SELECT count(*) FROM pg_auth_members
                    WHERE member IN (SELECT oid FROM pg_roles WHERE rolname IN ('token_exchange', 'sso_admin', 'key_rotator'))
                    """
                ) == 0
            )
            let owners = try await installation.texts(
                """
                SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                """
            )
            #expect(owners == ["breezeway_owner"])
        }
    }

    @Test func `can make nothing in the database`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                for script in [
                    "CREATE TABLE mine ()", "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                    "TRUNCATE users", "ALTER TABLE users DISABLE ROW LEVEL SECURITY", "DROP TABLE sessions",
                    "UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log",
                    "UPDATE audit_heads SET sequence = 1",
                    "INSERT INTO changes (workspace_id, epoch, topic) VALUES (gen_random_uuid(), 1, 'x')",
                ] {
                    let state = try await sqlState {
                        try await installation.pool(as: role).withSession {
                            try await $0.execute(script: script)
                        }
                    }
                    #expect(state == .insufficientPrivilege, "\(role): \(script)")
                }
            }
        }
    }

    @Test func `cannot become the owner`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                var parts = try #require(URLComponents(string: installation.url))
                parts.user = role.rawValue
                let settings = PostgresSettings(url: try #require(parts.string), applicationName: "tests")
                for other in ["breezeway_owner", "breezeway"] + ServiceRole.allCases.map(\.rawValue)
                where other != role.rawValue {
                    let state = try await sqlState {
                        try await PostgresConnection.withConnection(patient(settings)) { session in
                            try await session.execute(script: "SET ROLE \(other)")
                        }
                    }
                    #expect(state == .insufficientPrivilege, "\(role) as \(other)")
                }
            }
        }
    }
}

@Suite struct `Row-level security` {
    @Test func `shows a service no row before it enters a workspace, and then that workspace's alone`()
        async throws
    {
        try await withInstallation { installation in
            let first = try await populate("first", installation)
            let second = try await populate("second", installation)
            for role in ServiceRole.allCases {
                for (table, held) in rights where held[role]?.contains("S") == true {
                    guard let column = tenantColumn(table) else { continue }
                    let isShared = sharedTables[table]?.contains(role) ?? false
                    let workspaces = seenWorkspaces(table, column)
                    let pool = installation.pool(as: role)
                    let outside = try await pool.query(workspaces.bind())
                    #expect(Set(outside) == (isShared ? [first.text, second.text] : []), "\(role) \(table)")
                    for workspace in [first, second] {
                        let (_, inside) = try await pool.pipeline(
                            Tenant.enter.bind(workspace.text),
                            workspaces.bind()
                        )
                        #expect(
                            Set(inside) == (isShared ? [first.text, second.text] : [workspace.text]),
                            "\(role) \(table)"
                        )
                    }
                    // The setting has gone with its transaction.
                    let later = try await pool.query(workspaces.bind())
                    #expect(later == outside)
                }
            }
        }
    }

    @Test func `takes no row of a workspace that is not entered`() async throws {
        try await withInstallation { installation in
            let own = try await populate("own", installation)
            let rival = try await populate("rival", installation)
            let writes: [(ServiceRole, String)] = [
                (
                    .tokenExchange,
                    """
                    INSERT INTO users (workspace_id, id, email, email_key, name)
                    VALUES ('$ws', gen_random_uuid(), 'a@b.c', 'a@b.c', '')
                    """
                ),
                (.tokenExchange, "UPDATE users SET workspace_id = '$ws'"),
                (.tokenExchange, "INSERT INTO rate_windows VALUES ('$ws', 's', now(), 1)"),
                (
                    .tokenExchange,
                    """
                    INSERT INTO sessions (workspace_id, id, user_id, authenticated_at, amr, created_at, last_used_at,
                        expires_at, idle_timeout)
                    VALUES ('$ws', uuid_at(now()), gen_random_uuid(), now(), '{}', now(), now(), now(), 1)
                    """
                ),
                (
                    .tokenExchange,
                    """
                    INSERT INTO audit_log
                    VALUES ('$ws', 0, now(), 'a', 'a.b', 's', NULL, NULL, NULL, '', '')
                    """
                ),
                (.ssoAdmin, "INSERT INTO sso_groups (workspace_id, id, name) VALUES ('$ws', 'g2', 'g')"),
                (.ssoAdmin, "UPDATE apps SET workspace_id = '$ws'"),
                (
                    .ssoAdmin,
                    """
                    INSERT INTO workspaces (id, slug, name, issuer)
                    VALUES (gen_random_uuid(), 'third', 'third', 'https://third')
                    """
                ),
                (
                    .keyRotator,
                    """
                    INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, published_at, activates_at)
                    VALUES ('$ws', 'key-0000-0000-0000', 'RS256', '', now(), now())
                    """
                ),
            ]
            for (role, write) in writes {
                let script = write.replacingOccurrences(of: "$ws", with: rival.text)
                for entered in [own.text, ""] {
                    // Without a workspace an UPDATE finds nothing to change.
                    if entered.isEmpty, script.hasPrefix("UPDATE") { continue }
                    let state = try await sqlState {
                        try await installation.pool(as: role).transaction { transaction in
                            _ = try await transaction.query(Tenant.enter.bind(entered))
                            try await transaction.execute(script: script)
                        }
                    }
                    #expect(state == .insufficientPrivilege, "\(role) in '\(entered)': \(script)")
                }
            }
        }
    }

    @Test func `changes no row of a workspace that is not entered`() async throws {
        try await withInstallation { installation in
            let own = try await populate("own", installation)
            _ = try await populate("rival", installation)
            for script in ["UPDATE users SET name = 'changed'", "UPDATE sessions SET revoked_at = now()"] {
                try await installation.exchange.transaction { transaction in
                    _ = try await transaction.query(Tenant.enter.bind(own.text))
                    try await transaction.execute(script: script)
                }
            }
            #expect(
                try await installation.texts(
                    "SELECT DISTINCT workspace_id::text FROM users WHERE name = 'changed'"
                )
                    == [own.text]
            )
            #expect(
                try await installation.texts(
                    "SELECT DISTINCT workspace_id::text FROM sessions WHERE revoked_at IS NOT NULL"
                ) == [own.text]
            )
        }
    }

    @Test func `keeps workspaces apart on connections that they share`() async throws {
        try await withInstallation { installation in
            var workspaces: [Workspace.ID] = []
            for number in 0..<4 { workspaces.append(try await populate("w\(number)", installation)) }
            var settings = PostgresSettings.service(installation.url, role: "token_exchange", connections: 2)
            settings = patient(settings)
            let pool = try PostgresPool(settings, logger: quiet)
            let running = Task { try await pool.run() }
            let tenants = workspaces
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let workspace = tenants[worker % 4]
                        for round in 0..<60 {
                            if round.isMultiple(of: 7) {
                                let outside = try await pool.query(usersSeen.bind())
                                #expect(outside == [])
                            }
                            let (_, seen) = try await pool.pipeline(
                                Tenant.enter.bind(workspace.text),
                                usersSeen.bind()
                            )
                            #expect(seen == [workspace.text])
                        }
                    }
                }
                try await group.waitForAll()
            }
            running.cancel()
            try await running.value
        }
    }

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
                SELECT DISTINCT polname || ' ' || regexp_replace(polrelid::regclass::text, '[0-9]{8}$', 'day')
                FROM pg_policy
                WHERE polroles = ARRAY['breezeway_owner'::regrole::oid]
                """
            )
            #expect(
                Set(owners) == [
                    "measure sessions_day", "retention changes", "retention rate_windows",
                    "retention audit_log",
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
                    "workspaces", "nodes", "platform_admin_tokens", "schema_migrations", "session_days",
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
                    "measure_session_day \(path)", "drop_session_day \(path),lock_timeout=100ms",
                    "prune \(path)", "end_stuck_listeners \(path)",
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

    /// Rows in every table, written by the services themselves.
    private func populate(_ slug: String, _ installation: Installation) async throws -> Workspace.ID {
        let administration = AdministrationStore(pool: installation.administration)
        let workspace = newWorkspace(slug: slug)
        let id = workspace.id
        try await administration.createWorkspace(
            workspace,
            apiKey: credential(1),
            adminToken: credential(2),
            actor: "tests"
        )
        try await administration.createGroup(
            SSOGroup(id: SSOGroup.ID("g"), name: "g"),
            in: id,
            actor: "tests"
        )
        let app = ConnectedApp(
            id: ConnectedApp.ID("studio"),
            clientID: "scli_" + UUID().uuidString.filter { $0 != "-" },
            name: "Studio",
            audience: "studio",
            origins: ["https://studio.example"],
            groups: [SSOGroup.ID("g")]
        )
        try await administration.createApp(
            app,
            redirectURIs: ["https://studio.example/"],
            clientSecretHash: nil,
            in: id,
            actor: "tests"
        )
        _ = try await KeyStore(pool: installation.rotator).carryOut(
            for: id,
            prepared: preparedKey(.edDSA),
            browserSecret: StoredSecret(id: "s", sealed: [3]),
            plan: RotationPlan.of
        )
        try await KeyRequestStore(pool: installation.administration).ask(
            KeyRequest(id: KeyRequest.ID(UUID.v7(at: now)), wish: .rotate),
            reason: nil,
            in: id,
            actor: "tests"
        )
        try await KeyFetchStore(pool: installation.exchange).note([nil: now], in: id)
        let user = try await SignInStore(pool: installation.exchange).add(
            SignInStore.Newcomer(
                id: User.ID(UUID.v7(at: now)),
                email: try #require(EmailAddress("ada@example.com")),
                name: "Ada",
                image: nil,
                passwordHash: String(repeating: "0", count: 32) + ":" + String(repeating: "a", count: 128)
            ),
            membership: .active,
            beginning: SignInStore.Beginning(
                sessionID: Session.ID(UUID.v7(at: now)),
                app: app,
                cookieHash: [UInt8](repeating: 1, count: 32),
                methods: [],
                address: nil,
                userAgent: nil,
                lifetime: 60,
                idleTimeout: 60,
                remembers: true,
                now: now
            ),
            in: id
        )
        #expect(user != nil)
        _ = try await RateStore(pool: installation.exchange).count("s", in: id, window: 60, at: now)
        for role in ServiceRole.allCases {
            let changes = ChangeStore(pool: installation.pool(as: role))
            let node = UUID()
            let service = role.rawValue.replacingOccurrences(of: "_", with: "-")
            try await changes.report(node: node, service: service, host: "here", startedAt: now)
            try await changes.acknowledge([id: 1], node: node)
        }
        return id
    }

    private func tenantColumn(_ table: String) -> String? {
        switch table {
        case "workspaces": "id"
        case "nodes", "platform_admin_tokens", "schema_migrations", "session_days": nil
        default: "workspace_id"
        }
    }

    private func seenWorkspaces(_ table: String, _ column: String) -> Statement<String> {
        Statement<String>("SELECT DISTINCT \(column)::text FROM \(table)") { row throws(RowDecodingError) in
            try row.next(String.self)
        }
    }
}

private let usersSeen = Statement<String>("SELECT DISTINCT workspace_id::text FROM users") {
    row throws(RowDecodingError) in try row.next(String.self)
}
