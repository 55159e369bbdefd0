import FoundationEssentials
package import Postgres

/// What is made ahead and what is thrown away, in steps that nobody waits behind.
package struct HousekeepingStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What is kept for a time.
    package enum Kept: String, CaseIterable, Sendable {
        /// The change feed's rows, for two days.
        case changes
        /// Counters of rate limits, for an hour after their window began.
        case rateWindows = "rate_windows"
        /// The audit log, for as long as is set.
        case auditLog = "audit_log"
        /// Nodes that were not heard of for a day.
        case nodes
        /// What creations answered, of more than a day ago.
        case idempotentAnswers = "idempotent_answers"
        /// Why exchanges were refused more than a week ago.
        case exchangeRefusals = "exchange_refusals"
    }

    /// Makes the session partitions from yesterday to `days` ahead that are missing; answers how many it made.
    package func ensureSessionPartitions(days: Int) async throws(PostgresError) -> Int {
        try await pool.query(HousekeepingStatements.ensurePartitions.bind(days)).first ?? 0
    }

    /// Measures one partition of sessions that is over; answers whether there was one.
    ///
    /// Reads all of it once, which may take minutes of a large one and holds nobody up.
    package func measureSessionPartition() async throws -> Bool {
        try await pool.transaction(.readCommitted, deadline: .seconds(600)) { transaction in
            _ = try await transaction.query(HousekeepingStatements.patient.bind())
            return try await transaction.query(HousekeepingStatements.measure.bind()).first != nil
        }
    }

    /// Drops one partition whose sessions all ended; answers whether there was one.
    ///
    /// Throws 55P03 when the table was not to be had within a tenth of a second: try again later.
    package func dropSessionPartition() async throws(PostgresError) -> Bool {
        try await pool.query(HousekeepingStatements.drop.bind(), deadline: .seconds(5)).first != nil
    }

    /// How many partitions there still are whose sessions all ended.
    package func partitionsToDrop() async throws(PostgresError) -> Int {
        try await pool.query(HousekeepingStatements.toDrop.bind()).first ?? 0
    }

    /// Removes at most `batch` rows that are past their time; answers how many.
    ///
    /// The audit log is kept for `auditDays`, at least thirty.
    package func prune(_ kept: Kept, auditDays: Int, batch: Int) async throws(PostgresError) -> Int {
        let pruned = try await pool.query(
            HousekeepingStatements.prune.bind(kept.rawValue, auditDays, batch),
            deadline: .seconds(3)
        )
        return pruned.first ?? 0
    }

    /// Ends sessions that keep a queue of notifications fuller than `usage` (0 to 1) from being emptied; answers how
    /// many.
    ///
    /// A listener that takes nothing for `patience` seconds, or a transaction that does nothing for as long.
    package func endStuckListeners(
        patience: Int,
        usage: Double
    ) async throws(PostgresError) -> Int {
        try await pool.query(HousekeepingStatements.endStuck.bind(patience, usage)).first ?? 0
    }
}

enum HousekeepingStatements {
    static let ensurePartitions = Statement<Int, Int>(
        """
        SELECT ensure_session_partitions(
            (now() AT TIME ZONE 'UTC')::date - 1,
            (now() AT TIME ZONE 'UTC')::date + $1::integer
        )
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let patient = Statement<Void>("SELECT set_config('statement_timeout', '600s', true)")

    static let measure = Statement<String>(
        """
        SELECT partition
        FROM measure_session_partition() AS measured (partition)
        WHERE partition IS NOT NULL
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let drop = Statement<String>(
        """
        SELECT partition
        FROM drop_session_partition() AS dropped (partition)
        WHERE partition IS NOT NULL
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let toDrop = Statement<Int>(
        """
        SELECT count(*)
        FROM session_partition_ends
        WHERE ends_at < now() - interval '1 hour'
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let prune = Statement<String, Int, Int, Int>("SELECT prune($1, $2::integer, $3::integer)") {
        row throws(RowDecodingError) in try row.next(Int.self)
    }

    static let endStuck = Statement<Int, Double, Int>(
        "SELECT end_stuck_listeners(make_interval(secs => $1::bigint), $2)"
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}
