package import Domain
package import FoundationEssentials
package import Postgres

/// Why exchanges were refused, for whoever has a request id and asks.
package struct ExchangeRefusalStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// One refusal.
    package struct Refusal: Sendable {
        /// The request.
        package let requestID: String
        /// When it was.
        package let at: Date
        /// The code that the client read.
        package let code: String
        /// The rule that failed.
        package let rule: ExchangeRule
        /// The key that was shown.
        package let apiKeyID: APIKey.ID
        /// The user of the token, when it is genuine.
        package let userID: User.ID?
        /// The session of the token, when it is genuine.
        package let sessionID: Session.ID?
        /// The app of the token, when it is genuine.
        package let sourceAppID: ConnectedApp.ID?
        /// The app that was asked for, when there is one.
        package let targetAppID: ConnectedApp.ID?

        package init(
            requestID: String,
            at: Date,
            code: String,
            rule: ExchangeRule,
            apiKeyID: APIKey.ID,
            userID: User.ID?,
            sessionID: Session.ID?,
            sourceAppID: ConnectedApp.ID?,
            targetAppID: ConnectedApp.ID?
        ) {
            self.requestID = requestID
            self.at = at
            self.code = code
            self.rule = rule
            self.apiKeyID = apiKeyID
            self.userID = userID
            self.sessionID = sessionID
            self.sourceAppID = sourceAppID
            self.targetAppID = targetAppID
        }
    }

    /// Writes refusals of one workspace down; of two of one request the first stays.
    ///
    /// One round trip.
    package func note(
        _ refusals: [Refusal],
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) {
        var statements = [Tenant.enterQuietly.bind(workspaceID.text)]
        for refusal in refusals {
            statements.append(
                ExchangeRefusalStatements.note.bind(
                    workspaceID.raw,
                    refusal.requestID,
                    refusal.at,
                    refusal.code,
                    refusal.rule.rawValue,
                    refusal.apiKeyID.raw,
                    refusal.userID?.raw,
                    refusal.sessionID?.raw,
                    refusal.sourceAppID?.raw,
                    refusal.targetAppID?.raw
                )
            )
        }
        try await pool.batch(statements)
    }
}

enum ExchangeRefusalStatements {
    static let note = Statement<
        UUID, String, Date, String, String, UUID, UUID?, UUID?, String?, String?, Void
    >(
        """
        INSERT INTO exchange_refusals (workspace_id, request_id, at, code, rule, api_key_id, user_id, session_id,
            source_app_id, target_app_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT DO NOTHING
        """
    )
}
