package import Domain
package import FoundationEssentials
package import Postgres

/// Reads the change rows from a cursor, and writes down how far a node has applied them.
package struct ChangeStore: Sendable {
    /// The channel that is notified, empty, some time after a change.
    ///
    /// A wake-up only: the truth is the rows.
    package static let channel = "breezeway_changes"

    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What a look at the change rows found.
    package struct Batch: Hashable, Sendable {
        /// The cursor for the next look: no transaction below it was still running.
        package let cursor: Int64
        /// The newest epoch of each workspace that changed since the cursor asked from.
        package let epochs: [Workspace.ID: Int]
    }

    /// The changes of all transactions from `cursor` on.
    ///
    /// One round trip.
    ///
    /// `cursor` is the xmin of an earlier snapshot: everything below it was finished and seen, or rolled back. A row
    /// may be answered twice (whoever applies it compares epochs) and none is missed. A long transaction elsewhere
    /// widens the window and delays nothing.
    package func changes(since cursor: Int64) async throws(PostgresError) -> Batch {
        let rows = try await pool.query(ChangeStatements.since.bind("\(cursor)"))
        var epochs: [Workspace.ID: Int] = [:]
        for row in rows {
            guard let changed = row.changed else { continue }
            epochs[changed.workspaceID] = changed.epoch
        }
        return Batch(cursor: rows.first?.cursor ?? cursor, epochs: epochs)
    }

    /// Says that the node is alive.
    ///
    /// One round trip.
    package func report(
        node: UUID,
        service: String,
        host: String,
        startedAt: Date
    ) async throws(PostgresError) {
        _ = try await pool.query(ChangeStatements.report.bind(node, service, host, startedAt))
    }

    /// Says that the node serves each workspace at the given epoch or newer.
    ///
    /// One round trip.
    package func acknowledge(_ epochs: [Workspace.ID: Int], node: UUID) async throws(PostgresError) {
        guard !epochs.isEmpty else { return }
        let pairs = Array(epochs)
        _ = try await pool.query(
            ChangeStatements.acknowledge.bind(pairs.map(\.key.raw), pairs.map { Int64($0.value) }, node)
        )
    }

    /// Takes the node off the list.
    ///
    /// One round trip.
    package func leave(node: UUID) async throws(PostgresError) {
        _ = try await pool.query(ChangeStatements.leave.bind(node))
    }
}

enum ChangeStatements {
    static let since = Statement<String, (cursor: Int64, changed: WorkspaceEpoch?)>(
        """
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, changed.workspace_id, changed.epoch
        FROM (VALUES (1)) AS always (row)
        LEFT JOIN (
            SELECT workspace_id, max(epoch) AS epoch
            FROM changes
            WHERE xid >= $1::text::xid8
            GROUP BY workspace_id
        ) AS changed ON true
        """
    ) { row throws(RowDecodingError) in
        let cursor = try row.next(Int64.self)
        let workspaceID = try row.next(UUID?.self)
        let epoch = try row.next(Int?.self)
        guard let workspaceID, let epoch else { return (cursor, nil) }
        return (cursor, WorkspaceEpoch(workspaceID: Workspace.ID(workspaceID), epoch: epoch))
    }

    static let report = Statement<UUID, String, String, Date, Void>(
        """
        INSERT INTO nodes AS known (id, service, host, started_at, seen_at)
        VALUES ($1, $2, $3, $4, now())
        ON CONFLICT (id) DO UPDATE SET seen_at = now()
        """
    )

    static let acknowledge = Statement<[UUID], [Int64], UUID, Void>(
        """
        INSERT INTO node_epochs AS known (workspace_id, node_id, epoch)
        SELECT workspace_id, $3, epoch
        FROM unnest($1, $2) AS applied (workspace_id, epoch)
        ORDER BY workspace_id
        ON CONFLICT (workspace_id, node_id) DO UPDATE SET epoch = excluded.epoch, applied_at = now()
        """
    )

    static let leave = Statement<UUID, Void>(
        """
        DELETE FROM nodes
        WHERE id = $1
        """
    )
}
