import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `What operators make` {
    @Test func `is a workspace with its key and its owner's token, and an entry in its log`() async throws {
        try await withInstallation { installation in
            let store = AdministrationStore(pool: installation.administration)
            let new = newWorkspace(slug: "demo")
            let key = credential(1)
            let token = credential(2)
            try await store.createWorkspace(new, apiKey: key, adminToken: token, actor: "command_line")

            let snapshot = try #require(
                try await ConfigurationStore(pool: installation.exchange).load(new.id)
            )
            #expect(snapshot.workspace.slug == "demo")
            #expect(snapshot.workspace.issuer == "https://sso.example/w/demo")
            #expect(snapshot.apiKeys[APIKey.ID(key.id)]?.secretHash == key.secretHash)
            #expect(snapshot.apiKeys[APIKey.ID(key.id)]?.kind == .workspace)
            #expect(snapshot.epoch > 0)
            #expect(
                try await installation.texts(
                    "SELECT concat_ws(' ', id, name, role, encode(secret_hash, 'hex')) FROM admin_tokens"
                )
                    == [
                        "\(token.id.uuidString.lowercased()) credential-2 owner \(String(repeating: "02", count: 32))"
                    ]
            )
            #expect(
                try await installation.texts("SELECT concat_ws(' ', actor, action, subject) FROM audit_log")
                    == ["command_line workspace.create workspace:demo"]
            )
            let keys = KeyStore(pool: installation.rotator)
            let due = try #require(try await keys.claimDue(limit: 5, lease: .seconds(1)).first)
            #expect(try await keys.facts(of: due)?.rotation.policy.algorithm == .edDSA)
            #expect(try await store.findWorkspace(slug: "demo")?.id == new.id)
            #expect(try await store.findWorkspace(slug: "rival") == nil)
        }
    }

    @Test func `is no workspace of a slug or issuer that is taken`() async throws {
        try await withInstallation { installation in
            let store = AdministrationStore(pool: installation.administration)
            func create(_ workspace: AdministrationStore.NewWorkspace) async throws {
                try await store.createWorkspace(
                    workspace,
                    apiKey: credential(1),
                    adminToken: credential(2),
                    actor: "tests"
                )
            }
            try await create(newWorkspace(slug: "demo"))
            let slugTaken = newWorkspace(slug: "demo", issuer: "https://other.example")
            let issuerTaken = newWorkspace(slug: "other", issuer: "https://sso.example/w/demo")
            #expect(try await sqlState { try await create(slugTaken) } == .uniqueViolation)
            #expect(try await sqlState { try await create(issuerTaken) } == .uniqueViolation)
            #expect(try await installation.number("SELECT count(*) FROM workspaces") == 1)
            #expect(try await installation.number("SELECT count(*) FROM api_keys") == 1)
            #expect(try await installation.number("SELECT count(*) FROM audit_log") == 1)
        }
    }

    @Test func `is an app with all it was given`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = AdministrationStore(pool: installation.administration)
            for group in ["a", "b"] {
                try await store.createGroup(
                    SSOGroup(id: SSOGroup.ID(group), name: group),
                    in: workspace,
                    actor: "tests"
                )
            }
            let app = ConnectedApp(
                id: ConnectedApp.ID("studio"),
                clientID: "scli_0123456789abcdef",
                name: "Studio",
                audience: "urn:studio",
                clientType: .native,
                exchangePolicy: .none,
                signupPolicy: .autoOnFirstAccess,
                lifetimes: ConnectedApp.Lifetimes(access: 60, refresh: 3600, idle: 61),
                refreshPayload: false,
                origins: ["https://a.example", "https://b.example"],
                groups: [SSOGroup.ID("a"), SSOGroup.ID("b")]
            )
            try await store.createApp(
                app,
                redirectURIs: ["com.example:/callback"],
                clientSecretHash: [UInt8](repeating: 9, count: 32),
                in: workspace,
                actor: "tests"
            )
            let snapshot = try await ConfigurationStore(pool: installation.exchange).load(workspace)
            #expect(snapshot?.apps == [app.id: app])
            #expect(
                try await installation.texts("SELECT redirect_uri FROM app_redirect_uris") == [
                    "com.example:/callback"
                ]
            )
            #expect(
                try await installation.texts("SELECT encode(client_secret_hash, 'hex') FROM apps")
                    == [String(repeating: "09", count: 32)]
            )
            #expect(
                try await installation.texts("SELECT action FROM audit_log ORDER BY sequence")
                    == ["sso_group.create", "sso_group.create", "application.create"]
            )
        }
    }

    @Test func `is nothing of an app in a group that does not exist, or of what is taken`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let rival = try await installation.workspace()
            let store = AdministrationStore(pool: installation.administration)
            func create(
                _ id: String,
                client: String = "scli_" + UUID().uuidString.filter { $0 != "-" },
                origin: String? = nil,
                group: String? = nil,
                in workspace: Workspace.ID
            ) async throws {
                try await store.createApp(
                    ConnectedApp(
                        id: ConnectedApp.ID(id),
                        clientID: client,
                        name: id,
                        audience: "urn:\(id):\(UUID())",
                        origins: origin.map { [$0] } ?? [],
                        groups: Set(group.map { [SSOGroup.ID($0)] } ?? [])
                    ),
                    redirectURIs: [],
                    clientSecretHash: nil,
                    in: workspace,
                    actor: "tests"
                )
            }
            // A group of another workspace is none of this one.
            try await store.createGroup(
                SSOGroup(id: SSOGroup.ID("rivals"), name: "r"),
                in: rival,
                actor: "tests"
            )
            try await create(
                "one",
                client: "scli_0123456789abcdef",
                origin: "https://one.example",
                in: workspace
            )
            try await create("app_0123456789abcdefghij", in: rival)

            for group in ["missing", "rivals"] {
                #expect(
                    try await sqlState { try await create("two", group: group, in: workspace) }
                        == .foreignKeyViolation
                )
            }
            #expect(try await sqlState { try await create("one", in: workspace) } == .uniqueViolation)
            #expect(
                try await sqlState { try await create("two", client: "scli_0123456789abcdef", in: rival) }
                    == .uniqueViolation
            )
            #expect(
                try await sqlState { try await create("two", origin: "https://one.example", in: workspace) }
                    == .uniqueViolation
            )
            #expect(
                try await sqlState { try await create("app_0123456789abcdefghij", in: workspace) }
                    == .uniqueViolation
            )
            #expect(
                try await sqlState { try await create("scli_0123456789", in: workspace) } == .checkViolation
            )
            #expect(
                try await installation.texts("SELECT id FROM apps ORDER BY id") == [
                    "app_0123456789abcdefghij", "one",
                ]
            )
            try await create("one", origin: "https://one.example", in: rival)
        }
    }

    @Test func `is an admin token of a workspace or of the installation`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = AdministrationStore(pool: installation.administration)
            for (number, role) in zip(UInt8(1)..., AdminRole.allCases) {
                try await store.createAdminToken(
                    credential(number),
                    role: role,
                    in: workspace,
                    actor: "tests"
                )
                try await store.createPlatformAdminToken(credential(number), role: role)
            }
            let roles = ["admin", "owner", "viewer"]
            #expect(try await installation.texts("SELECT role FROM admin_tokens ORDER BY role") == roles)
            #expect(
                try await installation.texts("SELECT role FROM platform_admin_tokens ORDER BY role") == roles
            )
            #expect(
                try await installation.number(
                    "SELECT count(*) FROM audit_log WHERE action = 'admin_token.create'"
                ) == 3
            )
        }
    }
}

func newWorkspace(slug: String, issuer: String? = nil) -> AdministrationStore.NewWorkspace {
    AdministrationStore.NewWorkspace(
        id: Workspace.ID(UUID.v7(at: now)),
        slug: slug,
        name: slug,
        issuer: issuer ?? "https://sso.example/w/\(slug)",
        algorithm: .edDSA
    )
}

func credential(_ number: UInt8) -> AdministrationStore.Credential {
    AdministrationStore.Credential(
        id: UUID.v7(at: now),
        name: "credential-\(number)",
        secretHash: [UInt8](repeating: number, count: 32)
    )
}
