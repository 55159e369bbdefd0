package import Domain
package import FoundationEssentials
package import Postgres

/// What a decision would be made on, for whoever asks why it was made so.
package struct ExplanationStore: Sendable {
    private let pool: PostgresPool
    private let configuration: ConfigurationStore

    package init(pool: PostgresPool) {
        self.pool = pool
        configuration = ConfigurationStore(pool: pool, readsSecrets: false)
    }

    /// A user's standing, as far as the way from one app to another goes.
    package struct Standing: Sendable {
        /// The user's session in the source app: the newest that is live, or else the newest.
        package let session: Session?
        /// The standing of the user, when there is one.
        package let user: User.Status?
        /// The standing in the source app.
        package let source: Membership.Status?
        /// The standing in the target app.
        package let target: Membership.Status?
        /// Exchanges of the workspace that were counted in this minute.
        package let exchangesThisMinute: Int
        /// The database's time.
        package let now: Date
    }

    /// A refusal as it was written down.
    package struct RecordedRefusal: Sendable {
        /// When it was.
        package let at: Date
        /// The code that the client read.
        package let code: String
        /// The rule that failed.
        package let rule: String
        /// The key that was shown.
        package let apiKeyID: UUID?
        /// The user of the token.
        package let userID: UUID?
        /// The session of the token.
        package let sessionID: UUID?
        /// The app of the token.
        package let sourceAppID: String?
        /// The app that was asked for.
        package let targetAppID: String?
    }

    /// The workspace's configuration as the database has it now.
    package func configuration(of workspaceID: Workspace.ID) async throws -> WorkspaceSnapshot? {
        try await configuration.load(workspaceID)
    }

    /// A user's standing on the way from one app to another.
    ///
    /// One round trip.
    package func standing(
        of user: User.ID,
        from source: ConnectedApp.ID,
        to target: ConnectedApp.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Standing? {
        let id = workspaceID.raw
        let (_, sessions, facts) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            ExplanationStatements.session.bind(id, user.raw, source.raw),
            ExplanationStatements.standing.bind(id, user.raw, source.raw, target.raw)
        )
        guard let facts = facts.first else { return nil }
        return Standing(
            session: sessions.first,
            user: facts.user,
            source: facts.source,
            target: facts.target,
            exchangesThisMinute: facts.exchanges,
            now: facts.now
        )
    }

    /// Why a request was refused, if it was written down: refusals of callers with a live key are, for a week.
    ///
    /// One round trip.
    package func refusal(
        of requestID: String,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> RecordedRefusal? {
        try await pool.read(in: workspaceID, ExplanationStatements.refusal.bind(workspaceID.raw, requestID))
            .first
    }
}

enum ExplanationStatements {
    static let session = Statement<UUID, UUID, String, Session>(
        """
        SELECT \(AccessRow.columns)
        FROM sessions s
        WHERE s.workspace_id = $1
            AND s.user_id = $2
            AND s.app_id = $3
        ORDER BY
            s.revoked_at IS NULL AND s.expires_at > now()
                AND s.last_used_at + make_interval(secs => s.idle_timeout) > now()
                AND NOT any_session_revoked($1, s.ancestors) DESC,
            s.id DESC
        LIMIT 1
        """,
        decode: AccessRow.session
    )

    static let standing = Statement<
        UUID, UUID, String, String,
        (
            user: User.Status?, source: Membership.Status?, target: Membership.Status?, exchanges: Int,
            now: Date
        )
    >(
        """
        SELECT
            (SELECT status FROM users WHERE workspace_id = $1 AND id = $2),
            (SELECT status FROM memberships WHERE workspace_id = $1 AND user_id = $2 AND app_id = $3),
            (SELECT status FROM memberships WHERE workspace_id = $1 AND user_id = $2 AND app_id = $4),
            coalesce((SELECT count FROM rate_windows
                WHERE workspace_id = $1 AND subject = 'exchange' AND window_start = date_trunc('minute', now(), 'UTC')), 0),
            now()
        """
    ) { row throws(RowDecodingError) in
        (
            user: try row.next(User.Status?.self), source: try row.next(Membership.Status?.self),
            target: try row.next(Membership.Status?.self), exchanges: try row.next(Int.self),
            now: try row.next(Date.self)
        )
    }

    static let refusal = Statement<UUID, String, ExplanationStore.RecordedRefusal>(
        """
        SELECT at, code, rule, api_key_id, user_id, session_id, source_app_id, target_app_id
        FROM exchange_refusals
        WHERE workspace_id = $1
            AND request_id = $2
        """
    ) { row throws(RowDecodingError) in
        ExplanationStore.RecordedRefusal(
            at: try row.next(Date.self),
            code: try row.next(String.self),
            rule: try row.next(String.self),
            apiKeyID: try row.next(UUID?.self),
            userID: try row.next(UUID?.self),
            sessionID: try row.next(UUID?.self),
            sourceAppID: try row.next(String?.self),
            targetAppID: try row.next(String?.self)
        )
    }
}
