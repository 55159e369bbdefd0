package import Domain
package import FoundationEssentials
package import Postgres

/// Who has fetched a workspace's public keys, and when last.
package struct KeyFetchStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A place that keys are fetched at.
    package struct Place: Hashable, Sendable {
        /// The workspace.
        package let workspaceID: Workspace.ID
        /// The app whose address it is; none for the workspace's own.
        package let appID: ConnectedApp.ID?

        package init(workspaceID: Workspace.ID, appID: ConnectedApp.ID?) {
            self.workspaceID = workspaceID
            self.appID = appID
        }
    }

    /// Writes down the last fetches of one workspace; a later one that is known stays.
    ///
    /// One round trip.
    package func note(
        _ fetches: [ConnectedApp.ID?: Date],
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) {
        guard !fetches.isEmpty else { return }
        // In one order, so that two nodes do not wait for each other.
        let rows = fetches.sorted { ($0.key?.raw ?? "") < ($1.key?.raw ?? "") }
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            KeyFetchStatements.note.bind(
                workspaceID.raw,
                rows.map { $0.key?.raw ?? "" },
                rows.map { Int64($0.value.timeIntervalSince1970 * 1000) }
            )
        )
    }
}

enum KeyFetchStatements {
    static let note = Statement<UUID, [String], [Int64], Void>(
        """
        INSERT INTO jwks_fetches AS known (workspace_id, app_id, fetched_at)
        SELECT $1, app_id, to_timestamp(milliseconds / 1000.0)
        FROM unnest($2, $3) AS seen (app_id, milliseconds)
        ON CONFLICT (workspace_id, app_id) DO UPDATE SET fetched_at = greatest(known.fetched_at, excluded.fetched_at)
        """
    )
}
