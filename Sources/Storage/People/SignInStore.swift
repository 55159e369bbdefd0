package import Domain
package import FoundationEssentials
package import Postgres

/// Users and their first sessions: sign-up, sign-in, and the cookie that carries a session.
package struct SignInStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A session to begin.
    package struct Beginning: Sendable {
        /// The session.
        package let sessionID: Session.ID
        /// The app that asks, if one is named.
        package let app: ConnectedApp?
        /// SHA-256 of the cookie's token, 32 bytes.
        package let cookieHash: [UInt8]
        /// How the user proved who they are (RFC 8176).
        package let methods: [String]
        /// The address it came from.
        package let address: String?
        /// What the caller says it is.
        package let userAgent: String?
        /// Seconds until the session's absolute end.
        package let lifetime: Int
        /// Seconds of idleness that end it.
        package let idleTimeout: Int
        /// Whether the browser keeps the cookie when it closes.
        package let remembers: Bool
        /// The instant everything is judged at.
        package let now: Date

        package init(
            sessionID: Session.ID,
            app: ConnectedApp?,
            cookieHash: [UInt8],
            methods: [String],
            address: String?,
            userAgent: String?,
            lifetime: Int,
            idleTimeout: Int,
            remembers: Bool,
            now: Date
        ) {
            self.sessionID = sessionID
            self.app = app
            self.cookieHash = cookieHash
            self.methods = methods
            self.address = address
            self.userAgent = userAgent
            self.lifetime = lifetime
            self.idleTimeout = idleTimeout
            self.remembers = remembers
            self.now = now
        }
    }

    /// Someone who wants to sign up.
    package struct Newcomer: Sendable {
        /// The identity.
        package let id: User.ID
        /// The address.
        package let email: EmailAddress
        /// The name that people read.
        package let name: String
        /// The URL of a picture.
        package let image: String?
        /// The password's hash in better-auth's format.
        package let passwordHash: String

        package init(id: User.ID, email: EmailAddress, name: String, image: String?, passwordHash: String) {
            self.id = id
            self.email = email
            self.name = name
            self.image = image
            self.passwordHash = passwordHash
        }
    }

    /// The user of an address with their password hash, if any.
    ///
    /// One round trip.
    package func find(
        _ email: EmailAddress,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> (user: User, passwordHash: String?)? {
        let (_, rows) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SignInStatements.find.bind(workspaceID.raw, email.key)
        )
        return rows.first
    }

    /// Adds a user, a membership of the given standing in the app when there is one, and their first session
    /// unless that standing is not active.
    ///
    /// All or nothing; none when the address is taken.
    package func add(
        _ newcomer: Newcomer,
        membership: Membership.Status?,
        beginning: Beginning,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> User? {
        let add = SignInStatements.add.bind(
            workspaceID.raw,
            newcomer.id.raw,
            newcomer.email.text,
            newcomer.email.key,
            newcomer.name,
            newcomer.image,
            newcomer.passwordHash,
            beginning.app?.id.raw,
            membership?.rawValue,
            beginning.now
        )
        do throws(PostgresError) {
            let begin = begin(beginning, of: newcomer.id, admits: false, in: workspaceID)
            return try await SessionPartitions.recording(over: pool, at: beginning.now) {
                () throws(PostgresError) in
                try await pool.pipeline(Tenant.enter.bind(workspaceID.text), add, begin).1
            }.first
        } catch {
            guard case .server(let refusal) = error, refusal.constraint == "users_email" else { throw error }
            return nil
        }
    }

    /// What became of a sign-in.
    package struct Begun: Hashable, Sendable {
        /// The membership in the app before the attempt, if any.
        package let membership: Membership.Status?
        /// Whether the session was recorded.
        package let isRecorded: Bool
    }

    /// Begins a session if the user is active, and an active member of the app or admitted to it now.
    ///
    /// One round trip.
    package func begin(
        _ beginning: Beginning,
        of userID: User.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Begun {
        let admits = beginning.app?.signupPolicy.admitsOnFirstAccess ?? false
        let begin = begin(beginning, of: userID, admits: admits, in: workspaceID)
        let rows = try await SessionPartitions.recording(over: pool, at: beginning.now) {
            () throws(PostgresError) in
            try await pool.pipeline(Tenant.enter.bind(workspaceID.text), begin).1
        }
        return rows.first ?? Begun(membership: nil, isRecorded: false)
    }

    private func begin(
        _ beginning: Beginning,
        of userID: User.ID,
        admits: Bool,
        in workspaceID: Workspace.ID
    ) -> BoundStatement<Begun> {
        SignInStatements.begin.bind(
            workspaceID.raw,
            userID.raw,
            beginning.app?.id.raw,
            admits,
            beginning.sessionID.raw,
            beginning.cookieHash,
            beginning.methods,
            beginning.address,
            beginning.userAgent,
            beginning.now,
            beginning.lifetime,
            beginning.idleTimeout
        )
    }

    /// A session that a cookie names, with the hash to compare the cookie with.
    package struct CookieSession: Hashable, Sendable {
        /// The session and the standing of its user.
        package let facts: AccessFacts
        /// Its user.
        package let user: User
        /// The SHA-256 of the cookie's token, 32 bytes.
        package let cookieHash: [UInt8]
        /// The address it came from.
        package let address: String?
        /// What the caller says it is.
        package let userAgent: String?
    }

    /// The session a cookie names, with the user's standing in `appID` (when the caller names an app), if
    /// there is one that was begun with a cookie.
    ///
    /// One round trip.
    package func session(
        _ sessionID: Session.ID,
        in workspaceID: Workspace.ID,
        for appID: ConnectedApp.ID?
    ) async throws(PostgresError) -> CookieSession? {
        let (_, rows) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SignInStatements.session.bind(workspaceID.raw, sessionID.raw, appID?.raw)
        )
        return rows.first
    }

    /// The standing of the user in the app, if any.
    ///
    /// One round trip.
    package func standing(
        _ userID: User.ID,
        in appID: ConnectedApp.ID,
        of workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Membership.Status? {
        let (_, rows) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SignInStatements.standing.bind(workspaceID.raw, userID.raw, appID.raw)
        )
        return rows.first
    }

    /// Makes the user an active member of the app if they have no standing in it.
    ///
    /// Answers the standing after.
    package func admit(
        _ userID: User.ID,
        to appID: ConnectedApp.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Membership.Status? {
        let (_, _, rows) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SignInStatements.admit.bind(workspaceID.raw, userID.raw, appID.raw),
            SignInStatements.standing.bind(workspaceID.raw, userID.raw, appID.raw)
        )
        return rows.first
    }
}
