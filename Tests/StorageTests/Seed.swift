import Domain
import Foundation
import Postgres
import Storage

/// Rows that tests begin with, written past every service.
extension Installation {
    /// A workspace of a slug of its own.
    func workspace(slug: String? = nil, exchangeLimit: Int? = nil) async throws -> Workspace.ID {
        let id = Workspace.ID(UUID.v7(at: now))
        let slug = slug ?? "w-\(id.hex)"
        _ = try await superuser.pipeline(
            Tenant.enter.bind(id.text),
            Seed.workspace.bind(id.raw, slug, "https://sso.example/w/\(slug)", exchangeLimit)
        )
        return id
    }

    func app(
        _ id: String,
        in workspace: Workspace.ID,
        status: ConnectedApp.Status = .active,
        signupPolicy: ConnectedApp.SignupPolicy = .open,
        lifetimes: ConnectedApp.Lifetimes = ConnectedApp.Lifetimes()
    ) async throws -> ConnectedApp {
        let app = ConnectedApp(
            id: ConnectedApp.ID(id),
            clientID: "scli_\(UUID().uuidString.filter { $0 != "-" })",
            name: id,
            audience: id,
            status: status,
            signupPolicy: signupPolicy,
            lifetimes: lifetimes
        )
        _ = try await superuser.pipeline(
            Tenant.enter.bind(workspace.text),
            Seed.app.bind(
                workspace.raw,
                id,
                app.clientID,
                status.rawValue,
                signupPolicy.rawValue,
                lifetimes.access,
                lifetimes.refresh,
                lifetimes.idle
            )
        )
        return app
    }

    /// A user who is a member of the given apps.
    func user(
        in workspace: Workspace.ID,
        status: User.Status = .active,
        email: String? = nil,
        memberOf apps: [(ConnectedApp, Membership.Status)] = []
    ) async throws -> User.ID {
        let id = User.ID(UUID.v7(at: now))
        try await insert(
            [Seed.user(id, in: workspace, status: status, email: email)]
                + apps.map { Seed.membership(of: id, in: $0.0, workspace, $0.1) }
        )
        return id
    }

    func add(_ sessions: Session..., in workspace: Workspace.ID, cookieHash: [UInt8]? = nil) async throws {
        try await insert(sessions.map { Seed.session($0, in: workspace, cookieHash: cookieHash) })
    }

    /// Writes many rows of tables that no trigger watches.
    func insert(_ rows: [BoundStatement<Void>]) async throws {
        var rows = rows[...]
        while !rows.isEmpty {
            _ = try await superuser.batch(Array(rows.prefix(400)))
            rows = rows.dropFirst(400)
        }
    }

    /// Runs a script as the superuser in one transaction, in a workspace when one is given.
    func run(_ script: String, in workspace: Workspace.ID? = nil) async throws {
        try await superuser.transaction { transaction in
            _ = try await transaction.query(Tenant.enter.bind(workspace?.text ?? ""))
            try await transaction.execute(script: script)
        }
    }

    /// Runs a script as ``run(_:in:)`` does, past what guards the signing keys: to arrange what could not come about.
    func runUnguarded(_ script: String, in workspace: Workspace.ID) async throws {
        try await superuser.transaction { transaction in
            _ = try await transaction.query(Tenant.enter.bind(workspace.text))
            for guarding in ["guard", "guard_removal", "chain", "chain_change"] {
                try await transaction.execute(
                    script: "ALTER TABLE signing_keys DISABLE TRIGGER signing_keys_\(guarding)"
                )
            }
            try await transaction.execute(script: script)
            for guarding in ["guard", "guard_removal", "chain", "chain_change"] {
                try await transaction.execute(
                    script: "ALTER TABLE signing_keys ENABLE TRIGGER signing_keys_\(guarding)"
                )
            }
        }
    }

    /// The one number a query answers as the superuser.
    func number(_ sql: String) async throws -> Int? {
        let statement = Statement<Int?>(sql) { row throws(RowDecodingError) in try row.next(Int?.self) }
        return try await superuser.query(statement.bind()).first ?? nil
    }

    /// The texts a query answers as the superuser, or through another pool.
    func texts(_ sql: String, through pool: PostgresPool? = nil) async throws -> [String] {
        let statement = Statement<String>(sql) { row throws(RowDecodingError) in try row.next(String.self) }
        return try await (pool ?? superuser).query(statement.bind())
    }
}

enum Seed {
    static let workspace = Statement<UUID, String, String, Int?, Void>(
        "INSERT INTO workspaces (id, slug, name, issuer, exchange_limit) VALUES ($1, $2, $2, $3, $4::bigint)"
    )

    static let app = Statement<UUID, String, String, String, String, Int, Int, Int, Void>(
        """
        INSERT INTO apps (workspace_id, id, client_id, name, audience, status, signup_policy, access_expiration,
            refresh_expiration, session_timeout)
        VALUES ($1, $2, $3, $2, $2, $4, $5, $6::bigint, $7::bigint, $8::bigint)
        """
    )

    private static let user = Statement<UUID, UUID, String, String, String, Void>(
        """
        INSERT INTO users (workspace_id, id, email, email_key, name, status, created_at, updated_at)
        VALUES ($1, $2, $3, $4, 'Ada', $5, now(), now())
        """
    )

    static func user(
        _ id: User.ID,
        in workspace: Workspace.ID,
        status: User.Status = .active,
        email: String? = nil
    ) -> BoundStatement<Void> {
        let email = email ?? "\(id.hex)@example.com"
        return user.bind(workspace.raw, id.raw, email, email.asciiLowercased, status.rawValue)
    }

    private static let membership = Statement<UUID, UUID, String, String, Void>(
        "INSERT INTO memberships (workspace_id, user_id, app_id, status) VALUES ($1, $2, $3, $4)"
    )

    static func membership(
        of user: User.ID,
        in app: ConnectedApp,
        _ workspace: Workspace.ID,
        _ status: Membership.Status = .active
    ) -> BoundStatement<Void> {
        membership.bind(workspace.raw, user.raw, app.id.raw, status.rawValue)
    }

    private static let session = Statement<
        UUID, UUID, UUID, String?, [UUID], Date, [String], String, Int, Date?, Date, Date, Date, Int, Date?,
        [UInt8]?, Void
    >(
        """
        INSERT INTO sessions (workspace_id, id, user_id, app_id, ancestors, authenticated_at, amr, scope, generation,
            rotated_at, created_at, last_used_at, expires_at, idle_timeout, revoked_at, cookie_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::bigint, $10, $11, $12, $13, $14::bigint, $15, $16)
        """
    )

    static func session(
        _ session: Session,
        in workspace: Workspace.ID,
        cookieHash: [UInt8]? = nil
    ) -> BoundStatement<Void> {
        self.session.bind(
            workspace.raw,
            session.id.raw,
            session.userID.raw,
            session.appID?.raw,
            session.ancestors.map(\.raw),
            session.authenticatedAt,
            session.methods,
            session.scope,
            session.generation,
            session.rotatedAt,
            session.createdAt,
            session.lastUsedAt,
            session.expiresAt,
            session.idleTimeout,
            session.revokedAt,
            cookieHash
        )
    }
}

/// A session as a row would read; `endedAbove` is what looking at its ancestors is expected to find.
func session(
    of user: User.ID,
    in app: ConnectedApp?,
    ancestors: [Session.ID] = [],
    generation: Int = 1,
    rotatedAt: Date? = nil,
    lastUsedAt: Date = before(60),
    expiresAt: Date = after(86_400),
    idleTimeout: Int = 3600,
    revokedAt: Date? = nil,
    endedAbove: Bool = false
) -> Session {
    Session(
        id: Session.ID(UUID.v7(at: now)),
        userID: user,
        appID: app?.id,
        ancestors: ancestors,
        authenticatedAt: before(90),
        methods: ["pwd", "otp"],
        scope: "openid profile",
        generation: generation,
        rotatedAt: rotatedAt,
        createdAt: before(80),
        lastUsedAt: lastUsedAt,
        expiresAt: expiresAt,
        idleTimeout: idleTimeout,
        revokedAt: revokedAt,
        endedAbove: endedAbove
    )
}

/// What a refusal by the server says it is.
func sqlState(_ body: () async throws -> Void) async throws -> SQLState? {
    do {
        try await body()
        return nil
    } catch let error as PostgresError {
        guard let state = error.sqlState else { throw error }
        return state
    }
}

/// A key as a worker brings it: of a name of its own, and nothing that anybody could sign with.
func preparedKey(_ algorithm: SigningAlgorithm = .rs256, bits: Int? = 2048) -> KeyStore.PreparedKey {
    KeyStore.PreparedKey(
        kid: "\(UUID().uuidString.lowercased())_1750000000",
        algorithm: algorithm,
        rsaBits: algorithm == .rs256 ? bits : nil,
        publicKey: [1, 2, 3],
        sealedPrivateKey: [4, 5, 6]
    )
}
