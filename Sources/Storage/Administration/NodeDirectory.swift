package import Domain
package import FoundationEssentials
package import Postgres

/// Which running programs have which change.
package struct NodeDirectory: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A program that was heard of within six seconds, and how far it is.
    package struct Node: Sendable {
        /// Its identity, new with every start.
        package let id: UUID
        /// Which program it is.
        package let service: String
        /// The machine it runs on.
        package let host: String
        /// The newest epoch of the workspace that it has said it has; none while it said nothing.
        package let epoch: Int?
        /// When it said so.
        package let appliedAt: Date?
    }

    /// The live nodes that follow the configuration, by service and id.
    ///
    /// One round trip.
    package func nodes(of workspaceID: Workspace.ID) async throws(PostgresError) -> [Node] {
        try await pool.query(NodeStatements.nodes.bind(workspaceID.raw))
    }

    /// The workspace's epoch.
    ///
    /// One round trip.
    package func epoch(of workspaceID: Workspace.ID) async throws(PostgresError) -> Int {
        try await pool.query(ConfigurationStatements.epoch.bind(workspaceID.raw)).first ?? 0
    }
}

enum NodeStatements {
    static let nodes = Statement<UUID, NodeDirectory.Node>(
        """
        SELECT nodes.id, nodes.service, nodes.host, node_epochs.epoch, node_epochs.applied_at
        FROM nodes
        LEFT JOIN node_epochs ON node_epochs.node_id = nodes.id AND node_epochs.workspace_id = $1
        WHERE nodes.seen_at > now() - interval '6 seconds'
        ORDER BY nodes.service, nodes.id
        """
    ) { row throws(RowDecodingError) in
        NodeDirectory.Node(
            id: try row.next(UUID.self),
            service: try row.next(String.self),
            host: try row.next(String.self),
            epoch: try row.next(Int?.self),
            appliedAt: try row.next(Date?.self)
        )
    }
}
