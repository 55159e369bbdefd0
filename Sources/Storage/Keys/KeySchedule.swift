package import Domain
package import FoundationEssentials
package import Postgres

extension KeyStore {
    /// What the schedule says of all workspaces.
    package struct ScheduleFigures: Hashable, Sendable {
        /// What is next.
        package let next: RotationPlan.Next
        /// When the first workspace has that.
        package let firstAt: Date
        /// How many wait for it.
        package let count: Int
    }

    /// Claims at most `limit` workspaces that are due, longest due first, for `lease`.
    ///
    /// One round trip. A claim keeps other workers from making the same keys, and nothing depends on it: what may be
    /// written is asked again under the workspace's lock, and a claim of a worker that died runs out.
    package func claimDue(limit: Int, lease: Duration) async throws(PostgresError) -> [Workspace.ID] {
        try await pool.query(KeyScheduleStatements.claim.bind(limit, Int(lease.components.seconds)))
    }

    /// When the next workspace is due, if any is scheduled.
    package func nextDue() async throws(PostgresError) -> Date? {
        try await pool.query(KeyScheduleStatements.nextDue.bind()).first ?? nil
    }

    /// The schedule in figures, one for each thing that is next for anybody.
    ///
    /// One round trip.
    package func figures() async throws(PostgresError) -> [ScheduleFigures] {
        try await pool.query(KeyScheduleStatements.figures.bind())
    }

    /// Every workspace that has a schedule, by its id.
    ///
    /// One round trip.
    package func scheduled() async throws(PostgresError) -> [Workspace.ID] {
        try await pool.query(KeyScheduleStatements.all.bind())
    }
}

enum KeyScheduleStatements {
    static let claim = Statement<Int, Int, Workspace.ID>(
        """
        UPDATE key_schedule
        SET claimed_until = now() + make_interval(secs => $2::bigint)
        WHERE workspace_id IN (
            SELECT workspace_id
            FROM key_schedule
            WHERE next_at <= now()
                AND (claimed_until IS NULL OR claimed_until <= now())
            ORDER BY next_at
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING workspace_id
        """
    ) { row throws(RowDecodingError) in Workspace.ID(try row.next(UUID.self)) }

    static let nextDue = Statement<Date?>(
        """
        SELECT min(next_at)
        FROM key_schedule
        WHERE next_at < 'infinity'
        """
    ) { row throws(RowDecodingError) in try row.next(Date?.self) }

    static let figures = Statement<KeyStore.ScheduleFigures>(
        """
        SELECT next_step, min(next_at), count(*)
        FROM key_schedule
        WHERE next_at < 'infinity'
        GROUP BY next_step
        """
    ) { row throws(RowDecodingError) in
        KeyStore.ScheduleFigures(
            next: try row.next(RotationPlan.Next.self),
            firstAt: try row.next(Date.self),
            count: try row.next(Int.self)
        )
    }

    static let all = Statement<Workspace.ID>(
        """
        SELECT workspace_id
        FROM key_schedule
        WHERE next_at < 'infinity'
        ORDER BY workspace_id
        """
    ) { row throws(RowDecodingError) in Workspace.ID(try row.next(UUID.self)) }

    static let take = Statement<UUID, UUID>(
        """
        SELECT workspace_id
        FROM key_schedule
        WHERE workspace_id = $1
            AND next_at <= now()
        FOR UPDATE SKIP LOCKED
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let schedule = Statement<UUID, Date, String, Void>(
        """
        UPDATE key_schedule
        SET next_at = $2, next_step = $3, claimed_until = NULL
        WHERE workspace_id = $1
        """
    )

    /// There is more of what was begun.
    static let goOn = Statement<UUID, Void>(
        """
        UPDATE key_schedule
        SET next_at = now(), next_step = 'key', claimed_until = NULL
        WHERE workspace_id = $1
        """
    )

    /// Of a workspace that is gone.
    static let rest = Statement<UUID, Void>(
        """
        UPDATE key_schedule
        SET next_at = 'infinity', claimed_until = NULL
        WHERE workspace_id = $1
        """
    )
}
