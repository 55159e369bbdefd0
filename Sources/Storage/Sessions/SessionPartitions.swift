import FoundationEssentials
import Postgres

/// The weeks that sessions can be recorded in.
///
/// The worker makes partitions two weeks ahead. Should no worker have run for that long, whoever records a session
/// makes the partition itself, once, and tries again.
enum SessionPartitions {
    /// Runs what records a session; a second time when the day had no partition, or when the membership it was
    /// recorded under went away at that very moment (then the second look sees that).
    static func recording<Value: Sendable>(
        over pool: PostgresPool,
        at now: Date,
        _ record: () async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        do throws(PostgresError) {
            return try await record()
        } catch {
            guard case .server(let refusal) = error else { throw error }
            if isMissing(refusal) {
                _ = try await pool.query(ensure.bind(now))
            } else if refusal.sqlState != .foreignKeyViolation {
                throw error
            }
            return try await record()
        }
    }

    /// PostgreSQL says 23514 without a constraint's name when a row fits no partition.
    private static func isMissing(_ refusal: ServerError) -> Bool {
        refusal.sqlState == .checkViolation && refusal.constraint == nil
    }

    static let ensure = Statement<Date, Int>(
        """
        SELECT ensure_session_partitions(($1 AT TIME ZONE 'UTC')::date, ($1 AT TIME ZONE 'UTC')::date)
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}
