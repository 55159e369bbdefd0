import Domain
import Foundation
import Postgres
import Storage
import Testing

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
        try await installation.run(
            """
            INSERT INTO api_key_uses SELECT workspace_id, id, now() FROM api_keys WHERE workspace_id = '\(id.text)';
            INSERT INTO idempotent_answers VALUES ('\(id.text)', sha256('k'), sha256('r'), 'sealed', now());
            INSERT INTO exchange_refusals (workspace_id, request_id, at, code, rule)
                VALUES ('\(id.text)', 'r', now(), 'c', 'r');
            """,
            in: id
        )
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

    func tenantColumn(_ table: String) -> String? {
        switch table {
        case "workspaces": "id"
        case "nodes", "platform_admin_tokens", "schema_migrations", "session_partition_ends": nil
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
