package import Domain
import FoundationEssentials
package import Postgres

/// Reads the control data of workspaces.
package struct ConfigurationStore: Sendable {
    private let pool: PostgresPool
    private let readsSecrets: Bool

    /// `readsSecrets` says whether the pool's role may see private keys and secrets, sealed as they are; snapshots
    /// are without them otherwise.
    package init(pool: PostgresPool, readsSecrets: Bool = true) {
        self.pool = pool
        self.readsSecrets = readsSecrets
    }

    /// The epoch of every workspace.
    ///
    /// One round trip.
    package func epochs() async throws(PostgresError) -> [Workspace.ID: Int] {
        let rows = try await pool.query(ConfigurationStatements.epochs.bind())
        return Dictionary(rows.map { ($0.workspaceID, $0.epoch) }) { first, _ in first }
    }

    /// The workspace as it is now, or none when it is gone.
    ///
    /// All of it at one instant: a repeatable-read transaction.
    package func load(_ workspaceID: Workspace.ID) async throws -> WorkspaceSnapshot? {
        let id = workspaceID.raw
        return try await pool.transaction(.repeatableRead) { transaction in
            let (_, epochs, workspaces, apps, groups) = try await transaction.pipeline(
                Tenant.enter.bind(workspaceID.text),
                ConfigurationStatements.epoch.bind(id),
                ConfigurationStatements.workspace.bind(id),
                ConfigurationStatements.apps.bind(id),
                ConfigurationStatements.groups.bind(id)
            )
            let (apiKeys, signingKeys) = try await transaction.pipeline(
                ConfigurationStatements.apiKeys.bind(id),
                readsSecrets
                    ? ConfigurationStatements.signingKeys.bind(id)
                    : ConfigurationStatements.publicSigningKeys.bind(id)
            )
            let secrets =
                readsSecrets
                ? try await transaction.query(ConfigurationStatements.browserSecret.bind(id)) : []
            guard let workspace = workspaces.first else { return nil }
            return WorkspaceSnapshot(
                epoch: epochs.first ?? 0,
                workspace: workspace,
                apps: apps,
                groups: groups,
                apiKeys: apiKeys,
                signingKeys: signingKeys,
                browserSecret: secrets.first
            )
        }
    }
}

/// A workspace and an epoch of it.
package struct WorkspaceEpoch: Hashable, Sendable {
    /// The workspace it is in.
    package let workspaceID: Workspace.ID
    /// The epoch.
    package let epoch: Int
}
