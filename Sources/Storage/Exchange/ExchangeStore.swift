package import Domain
package import FoundationEssentials
package import Postgres

/// What an exchange needs of the database: the standing of everybody involved, and the new session's row.
package struct ExchangeStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// One attempt: reads the standing and, when everything else allowed it, records the session under the same
    /// conditions, in one statement.
    package struct Attempt: Sendable {
        /// The workspace it is in.
        package let workspaceID: Workspace.ID
        /// The session to exchange.
        package let sourceSessionID: Session.ID
        /// The user.
        package let userID: User.ID
        /// The app the user token was issued to.
        package let sourceAppID: ConnectedApp.ID
        /// None when the request names no app: then nothing is recorded.
        package let target: ConnectedApp?
        /// Whether every rule that needs no database allows the exchange.
        package let isWorthRecording: Bool
        /// The key the caller showed.
        package let apiKeyID: APIKey.ID
        /// The id of the session to record.
        package let newSessionID: Session.ID
        /// The address it came from.
        package let address: String?
        /// What the caller says it is.
        package let userAgent: String?
        /// The workspace's limit; none means that nothing is counted.
        package let exchangesPerMinute: Int?
        /// The instant everything is judged at.
        package let now: Date

        package init(
            workspaceID: Workspace.ID,
            sourceSessionID: Session.ID,
            userID: User.ID,
            sourceAppID: ConnectedApp.ID,
            target: ConnectedApp?,
            isWorthRecording: Bool,
            apiKeyID: APIKey.ID,
            newSessionID: Session.ID,
            address: String?,
            userAgent: String?,
            exchangesPerMinute: Int?,
            now: Date
        ) {
            self.workspaceID = workspaceID
            self.sourceSessionID = sourceSessionID
            self.userID = userID
            self.sourceAppID = sourceAppID
            self.target = target
            self.isWorthRecording = isWorthRecording
            self.apiKeyID = apiKeyID
            self.newSessionID = newSessionID
            self.address = address
            self.userAgent = userAgent
            self.exchangesPerMinute = exchangesPerMinute
            self.now = now
        }
    }

    /// What an attempt found and did.
    package struct Outcome: Hashable, Sendable {
        /// What was found.
        package let standing: ExchangeFacts.Standing
        /// When the recorded session ends; none when nothing was recorded.
        package let recordedUntil: Date?

        /// Nothing found, nothing done.
        package static let nothing = Outcome(standing: .unknown, recordedUntil: nil)
    }

    /// Makes the attempt.
    ///
    /// One round trip; the session is durable when this returns.
    package func attempt(_ attempt: Attempt) async throws(PostgresError) -> Outcome {
        let enter = Tenant.enter.bind(attempt.workspaceID.text)
        let record = ExchangeStatements.record.bind(
            attempt.workspaceID.raw,
            attempt.sourceSessionID.raw,
            attempt.userID.raw,
            attempt.sourceAppID.raw,
            attempt.target?.id.raw ?? "",
            attempt.now,
            attempt.isWorthRecording && attempt.target != nil,
            attempt.target?.signupPolicy.admitsOnFirstAccess ?? false,
            attempt.newSessionID.raw,
            attempt.apiKeyID.raw,
            attempt.target?.lifetimes.refresh ?? 0,
            attempt.target?.lifetimes.idle ?? 1,
            attempt.address,
            attempt.userAgent,
            attempt.exchangesPerMinute
        )
        let count = RateStatements.count.bind(
            attempt.workspaceID.raw,
            "exchange",
            attempt.now.startOfWindow(seconds: 60)
        )
        let rows = try await SessionPartitions.recording(over: pool, at: attempt.now) {
            () throws(PostgresError) in
            if attempt.exchangesPerMinute == nil {
                try await pool.pipeline(enter, record).1
            } else {
                try await pool.pipeline(enter, count, record).2
            }
        }
        return rows.first ?? .nothing
    }
}
