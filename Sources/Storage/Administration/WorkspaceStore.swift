package import Domain
import FoundationEssentials
package import Postgres

/// Workspaces, as operators see and change them.
package struct WorkspaceStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A workspace's JSON, if there is one.
    ///
    /// One round trip.
    package func find(_ workspaceID: Workspace.ID) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, WorkspaceStatements.find.bind(workspaceID.raw)).first
    }

    /// The JSON of those of the workspaces that are there, in the order they are named.
    ///
    /// One round trip for all of them.
    package func find(_ workspaceIDs: [Workspace.ID]) async throws(PostgresError) -> [String] {
        // Each is read as its own workspace: what one transaction enters, it leaves before the next.
        let statements = workspaceIDs.flatMap { id in
            [Tenant.enter.bind(id.text), WorkspaceStatements.find.bind(id.raw)]
        }
        let answers = try await pool.batch(statements)
        return stride(from: 1, to: answers.count, by: 2).compactMap { answers[$0].first }
    }

    /// The apps of a workspace by id, as the database has them now.
    ///
    /// One round trip.
    package func apps(
        of workspaceID: Workspace.ID
    ) async throws(PostgresError) -> [ConnectedApp.ID: ConnectedApp] {
        let apps = try await pool.read(in: workspaceID, ConfigurationStatements.apps.bind(workspaceID.raw))
        return Dictionary(apps.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Makes a workspace with a workspace API key and an owner's admin token; `columns` is JSON of the columns that are
    /// not to have their defaults.
    ///
    /// A taken slug, issuer or host is a unique violation.
    package func create(
        _ workspace: AdministrationStore.NewWorkspace,
        apiKey: AdministrationStore.Credential,
        adminToken: AdministrationStore.Credential,
        columns: String,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspace.id, by: administrator) { change in
            let id = workspace.id.raw
            return try await change.make(
                "workspace.create",
                "workspace:\(workspace.slug)",
                by: [
                    AdministrationStatements.workspace.bind(
                        id,
                        workspace.slug,
                        workspace.name,
                        workspace.issuer,
                        workspace.algorithm.rawValue
                    ),
                    AdministrationStatements.apiKey.bind(id, apiKey.id, apiKey.name, apiKey.secretHash),
                    AdministrationStatements.adminToken.bind(
                        id,
                        adminToken.id,
                        adminToken.name,
                        AdminRole.owner.rawValue,
                        adminToken.secretHash
                    ),
                    WorkspaceStatements.update.bind(id, columns),
                ],
                reading: WorkspaceStatements.find.bind(id)
            ) ?? ""
        }
    }

    /// Changes a workspace; `columns` is JSON of the columns that change.
    package func change(
        _ workspaceID: Workspace.ID,
        columns: String,
        if precondition: Precondition?,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                "workspace.update",
                "workspace:\(workspaceID.reference)",
                reading: WorkspaceStatements.lock.bind(workspaceID.raw),
                if: precondition,
                by: [WorkspaceStatements.update.bind(workspaceID.raw, columns)]
            )
        }
    }

    /// How a workspace rotates its keys, as JSON, if there is one.
    ///
    /// One round trip.
    package func rotationPolicy(of workspaceID: Workspace.ID) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, WorkspaceStatements.policy.bind(workspaceID.raw)).first
    }

    /// Changes how a workspace rotates its keys; the worker looks at once.
    package func changeRotationPolicy(
        of workspaceID: Workspace.ID,
        columns: String,
        if precondition: Precondition?,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                "rotation_policy.update",
                "workspace:\(workspaceID.reference)",
                reading: WorkspaceStatements.lockPolicy.bind(workspaceID.raw),
                if: precondition,
                by: [WorkspaceStatements.updatePolicy.bind(workspaceID.raw, columns)]
            )
        }
    }
}

/// A workspace as operators see it.
enum WorkspaceRow {
    static let columns = """
        json_build_object(
            'id', 'ws_' || replace(id::text, '-', ''), 'slug', slug, 'name', name, 'issuer', issuer, 'status', status,
            'authHost', auth_host, 'cookieDomain', cookie_domain, 'requireAppIdentity', require_app_identity,
            'exchangeLimit', exchange_limit, 'signInLimit', sign_in_limit, 'failureLimit', failure_limit,
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

/// How a workspace rotates its keys, as operators see it; times in seconds.
enum RotationPolicyRow {
    static let columns = """
        json_build_object(
            'algorithm', signing_algorithm, 'rsaBits', rsa_bits, 'rotationInterval', rotation_interval,
            'rotationLead', rotation_lead
        )::text
        """
}

enum WorkspaceStatements {
    static let find = Statement<UUID, String>(
        """
        SELECT \(WorkspaceRow.columns)
        FROM workspaces
        WHERE id = $1
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, String>(
        """
        SELECT \(WorkspaceRow.columns)
        FROM workspaces
        WHERE id = $1
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let update = Statement<UUID, String, Void>(
        """
        UPDATE workspaces
        SET (name, status, auth_host, cookie_domain, require_app_identity, exchange_limit, sign_in_limit,
                failure_limit) = (
                SELECT name, status, auth_host, cookie_domain, require_app_identity, exchange_limit, sign_in_limit,
                    failure_limit
                FROM jsonb_populate_record(workspaces, $2::text::jsonb)
            ),
            updated_at = clock_timestamp()
        WHERE id = $1
        """
    )

    static let policy = Statement<UUID, String>(
        """
        SELECT \(RotationPolicyRow.columns)
        FROM workspaces
        WHERE id = $1
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lockPolicy = Statement<UUID, String>(
        """
        SELECT \(RotationPolicyRow.columns)
        FROM workspaces
        WHERE id = $1
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let updatePolicy = Statement<UUID, String, Void>(
        """
        UPDATE workspaces
        SET (signing_algorithm, rsa_bits, rotation_interval, rotation_lead) = (
                SELECT signing_algorithm, rsa_bits, rotation_interval, rotation_lead
                FROM jsonb_populate_record(workspaces, $2::text::jsonb)
            ),
            updated_at = clock_timestamp()
        WHERE id = $1
        """
    )
}
