package import Domain
package import FoundationEssentials
package import Postgres

/// Counts what a workspace limits, shared by all nodes.
package struct RateStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Counts one more of `subject` in the window that `now` lies in and answers how many there are, this one
    /// included.
    ///
    /// One round trip.
    package func count(
        _ subject: String,
        in workspaceID: Workspace.ID,
        window seconds: Int,
        at now: Date
    ) async throws(PostgresError) -> Int {
        let (_, counts) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            RateStatements.count.bind(workspaceID.raw, subject, now.startOfWindow(seconds: seconds))
        )
        return counts.first ?? 0
    }

    /// How many of `subject` there are in the window that `now` lies in.
    ///
    /// One round trip.
    package func current(
        _ subject: String,
        in workspaceID: Workspace.ID,
        window seconds: Int,
        at now: Date
    ) async throws(PostgresError) -> Int {
        let (_, counts) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            RateStatements.current.bind(workspaceID.raw, subject, now.startOfWindow(seconds: seconds))
        )
        return counts.first ?? 0
    }
}

enum RateStatements {
    static let count = Statement<UUID, String, Date, Int>(
        """
        INSERT INTO rate_windows AS current (workspace_id, subject, window_start, count)
        VALUES ($1, $2, $3, 1)
        ON CONFLICT (workspace_id, subject, window_start) DO UPDATE SET count = current.count + 1
        RETURNING count
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let current = Statement<UUID, String, Date, Int>(
        """
        SELECT count
        FROM rate_windows
        WHERE workspace_id = $1
            AND subject = $2
            AND window_start = $3
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}

extension Date {
    /// The start of the window of `seconds` that this instant lies in, counted from 1970.
    package func startOfWindow(seconds: Int) -> Date {
        let length = TimeInterval(seconds)
        return Date(timeIntervalSince1970: (timeIntervalSince1970 / length).rounded(.down) * length)
    }

    /// Whole seconds until the window of `seconds` that this instant lies in is over, at least 1.
    package func secondsLeftInWindow(seconds: Int) -> Int {
        let end = startOfWindow(seconds: seconds).addingTimeInterval(TimeInterval(seconds))
        return max(1, Int(end.timeIntervalSince(self).rounded(.up)))
    }
}
