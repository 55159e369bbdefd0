package import Domain
package import FoundationEssentials
package import Postgres

/// What operators make: workspaces, groups, apps, keys and admin tokens.
///
/// Each call is one transaction with its audit entry; the epoch and the change row come from the database's
/// triggers.
package struct AdministrationStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A credential to store: its id and the SHA-256 of its secret.
    package struct Credential: Sendable {
        /// The identity.
        package let id: UUID
        /// The name that people read.
        package let name: String
        /// The SHA-256 of the secret, 32 bytes.
        package let secretHash: [UInt8]

        package init(id: UUID, name: String, secretHash: [UInt8]) {
            self.id = id
            self.name = name
            self.secretHash = secretHash
        }
    }

    /// A workspace to make.
    package struct NewWorkspace: Sendable {
        /// The identity.
        package let id: Workspace.ID
        /// The unique name in paths.
        package let slug: String
        /// The name that people read.
        package let name: String
        /// The `iss` of its tokens.
        package let issuer: String
        /// What it signs with.
        package let algorithm: SigningAlgorithm

        package init(
            id: Workspace.ID,
            slug: String,
            name: String,
            issuer: String,
            algorithm: SigningAlgorithm
        ) {
            self.id = id
            self.slug = slug
            self.name = name
            self.issuer = issuer
            self.algorithm = algorithm
        }
    }

    /// Makes a workspace with a workspace API key and an owner's admin token.
    ///
    /// A taken slug or issuer is a unique violation. The worker, woken by the change, makes its first signing
    /// key.
    package func createWorkspace(
        _ workspace: NewWorkspace,
        apiKey: Credential,
        adminToken: Credential,
        actor: String
    ) async throws {
        try await pool.transaction(.readCommitted) { transaction in
            let id = workspace.id.raw
            _ = try await transaction.pipeline(
                Tenant.enter.bind(workspace.id.text),
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
                AuditLog.append(
                    AuditEntry(
                        actor: actor,
                        action: "workspace.create",
                        subject: "workspace:\(workspace.slug)"
                    ),
                    to: workspace.id
                )
            )
        }
    }

    /// The workspace of a slug, if any: slugs are read through the feed's directory of ids.
    ///
    /// One round trip each.
    package func findWorkspace(slug: String) async throws -> Workspace? {
        for id in try await ConfigurationStore(pool: pool).epochs().keys {
            let (_, found) = try await pool.pipeline(
                Tenant.enter.bind(id.text),
                ConfigurationStatements.workspace.bind(id.raw)
            )
            if let workspace = found.first, workspace.slug == slug { return workspace }
        }
        return nil
    }

    /// Makes an admin token of one workspace.
    package func createAdminToken(
        _ token: Credential,
        role: AdminRole,
        in workspaceID: Workspace.ID,
        actor: String
    ) async throws(PostgresError) {
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            AdministrationStatements.adminToken.bind(
                workspaceID.raw,
                token.id,
                token.name,
                role.rawValue,
                token.secretHash
            ),
            AuditLog.append(
                AuditEntry(
                    actor: actor,
                    action: "admin_token.create",
                    subject: "admin_token:\(token.id.uuidString.asciiLowercased)"
                ),
                to: workspaceID
            )
        )
    }

    /// Makes an admin token of the whole installation.
    package func createPlatformAdminToken(_ token: Credential, role: AdminRole) async throws(PostgresError) {
        _ = try await pool.query(
            AdministrationStatements.platformAdminToken.bind(
                token.id,
                token.name,
                role.rawValue,
                token.secretHash
            )
        )
    }

    /// Makes an SSO group.
    ///
    /// A taken id is a unique violation.
    package func createGroup(
        _ group: SSOGroup,
        in workspaceID: Workspace.ID,
        actor: String
    ) async throws(PostgresError) {
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            AdministrationStatements.group.bind(workspaceID.raw, group.id.raw, group.name),
            AuditLog.append(
                AuditEntry(actor: actor, action: "sso_group.create", subject: "sso_group:\(group.id.raw)"),
                to: workspaceID
            )
        )
    }

    /// Makes an app with its origins, redirect URIs and groups.
    ///
    /// A taken id or origin is a unique violation, a group that does not exist a foreign key violation;
    /// either way nothing is made.
    package func createApp(
        _ app: ConnectedApp,
        redirectURIs: [String],
        clientSecretHash: [UInt8]?,
        in workspaceID: Workspace.ID,
        actor: String
    ) async throws(PostgresError) {
        let id = workspaceID.raw
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            AdministrationStatements.app.bind(
                id,
                app.id.raw,
                app.clientID,
                app.name,
                app.audience,
                app.clientType.rawValue,
                clientSecretHash,
                app.exchangePolicy.rawValue,
                app.signupPolicy.rawValue,
                app.lifetimes.access,
                app.lifetimes.refresh,
                app.lifetimes.idle,
                app.refreshPayload
            ),
            AdministrationStatements.origins.bind(id, app.id.raw, app.origins),
            AdministrationStatements.redirectURIs.bind(id, app.id.raw, redirectURIs),
            AdministrationStatements.memberships.bind(id, app.id.raw, app.groups.map(\.raw).sorted()),
            AuditLog.append(
                AuditEntry(actor: actor, action: "application.create", subject: "application:\(app.id.raw)"),
                to: workspaceID
            )
        )
    }
}

enum AdministrationStatements {
    static let workspace = Statement<UUID, String, String, String, String, Void>(
        """
        INSERT INTO workspaces (id, slug, name, issuer, signing_algorithm)
        VALUES ($1, $2, $3, $4, $5)
        """
    )

    static let apiKey = Statement<UUID, UUID, String, [UInt8], Void>(
        """
        INSERT INTO api_keys (workspace_id, id, kind, name, secret_hash)
        VALUES ($1, $2, 'workspace', $3, $4)
        """
    )

    static let adminToken = Statement<UUID, UUID, String, String, [UInt8], Void>(
        """
        INSERT INTO admin_tokens (workspace_id, id, name, role, secret_hash)
        VALUES ($1, $2, $3, $4, $5)
        """
    )

    static let platformAdminToken = Statement<UUID, String, String, [UInt8], Void>(
        """
        INSERT INTO platform_admin_tokens (id, name, role, secret_hash)
        VALUES ($1, $2, $3, $4)
        """
    )

    static let group = Statement<UUID, String, String, Void>(
        """
        INSERT INTO sso_groups (workspace_id, id, name)
        VALUES ($1, $2, $3)
        """
    )

    static let app = Statement<
        UUID, String, String, String, String, String, [UInt8]?, String, String, Int, Int, Int, Bool, Void
    >(
        """
        INSERT INTO apps (workspace_id, id, client_id, name, audience, client_type, client_secret_hash,
            exchange_policy, signup_policy, access_expiration, refresh_expiration, session_timeout, refresh_payload)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint, $11::bigint, $12::bigint, $13)
        """
    )

    static let origins = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO app_origins (workspace_id, app_id, origin)
        SELECT $1, $2, origin
        FROM unnest($3) AS given (origin)
        """
    )

    static let redirectURIs = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO app_redirect_uris (workspace_id, app_id, redirect_uri)
        SELECT $1, $2, redirect_uri
        FROM unnest($3) AS given (redirect_uri)
        """
    )

    static let memberships = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO sso_group_apps (workspace_id, group_id, app_id)
        SELECT $1, group_id, $2
        FROM unnest($3) AS given (group_id)
        """
    )
}
