package import Domain
package import FoundationEssentials
package import Postgres

/// Who may administer: the tokens of workspaces, and those of the whole installation.
package struct AdminTokenStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What is known of a token that somebody shows.
    package struct Standing: Sendable {
        /// The SHA-256 of its secret.
        package let secretHash: [UInt8]
        /// What it may do.
        package let role: AdminRole
        /// Whether it is neither revoked nor expired, by the database's clock.
        package let isLive: Bool
    }

    /// A token of a workspace; when the hash of the secret that was shown is right, its use is written down, to the
    /// minute.
    ///
    /// One round trip.
    package func find(
        _ id: UUID,
        showing hash: [UInt8],
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Standing? {
        let (_, found, _) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            AdminTokenStatements.standing.bind(workspaceID.raw, id),
            AdminTokenStatements.used.bind(workspaceID.raw, id, hash)
        )
        return found.first
    }

    /// A token of the whole installation; its use is written down as a workspace's.
    ///
    /// One round trip.
    package func findPlatform(_ id: UUID, showing hash: [UInt8]) async throws(PostgresError) -> Standing? {
        let (found, _) = try await pool.pipeline(
            AdminTokenStatements.platformStanding.bind(id),
            AdminTokenStatements.platformUsed.bind(id, hash)
        )
        return found.first
    }

    /// Part of the list, oldest first.
    ///
    /// One round trip.
    package func list(_ page: PageRequest, in workspaceID: Workspace.ID) async throws(PostgresError) -> Page {
        let found = try await pool.read(
            in: workspaceID,
            AdminTokenStatements.list.bind(
                workspaceID.raw,
                page.after.flatMap { UUID(uuidString: $0) },
                page.fetched
            )
        )
        return Page(found, page)
    }

    /// A token's JSON, if there is one.
    ///
    /// One round trip.
    package func show(_ id: UUID, in workspaceID: Workspace.ID) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, AdminTokenStatements.find.bind(workspaceID.raw, id)).first
    }

    /// Makes a token.
    package func create(
        _ token: AdministrationStore.Credential,
        role: AdminRole,
        expiresAt: Date?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.make(
                "admin_token.create",
                "admin_token:\(token.id.uuidString.asciiLowercased)",
                by: [
                    AdminTokenStatements.insert.bind(
                        id,
                        token.id,
                        token.name,
                        role.rawValue,
                        token.secretHash,
                        expiresAt
                    )
                ],
                reading: AdminTokenStatements.find.bind(id, token.id)
            ) ?? ""
        }
    }

    /// Makes a token like another and lets that one end after `overlap` seconds; none when it is not there or not live.
    package func rotate(
        _ old: UUID,
        to token: AdministrationStore.Credential,
        overlap: Int,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let made = try await change.transaction.query(
                AdminTokenStatements.copy.bind(id, old, token.id, token.secretHash)
            )
            guard !made.isEmpty else { return nil }
            _ = try await change.change(
                "admin_token.rotate",
                "admin_token:\(old.uuidString.asciiLowercased)",
                reading: AdminTokenStatements.lock.bind(id, old),
                if: nil,
                by: [AdminTokenStatements.endAfter.bind(id, old, overlap)]
            )
            let after = try await change.transaction.query(AdminTokenStatements.find.bind(id, token.id)).first
            try await change.record(
                "admin_token.create",
                "admin_token:\(token.id.uuidString.asciiLowercased)",
                after: after
            )
            return after
        }
    }

    /// Ends a token, unless it is the last owner's: then `lastOwner` is thrown.
    ///
    /// None when there is no such token. Ending one that has ended changes nothing.
    package func revoke(
        _ token: UUID,
        lastOwner: any Error,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            // All owners' rows: of two who revoke each other's last token, one waits and then sees it.
            let owners = try await change.transaction.query(AdminTokenStatements.lockOwners.bind(id))
            if owners == [token] { throw lastOwner }
            return try await change.change(
                "admin_token.revoke",
                "admin_token:\(token.uuidString.asciiLowercased)",
                reading: AdminTokenStatements.lock.bind(id, token),
                if: nil,
                by: [AdminTokenStatements.revoke.bind(id, token)]
            )
        }
    }
}

/// An admin token as operators see it.
enum AdminTokenRow {
    static let columns = """
        json_build_object(
            'id', id, 'name', name, 'role', role,
            'expiresAt', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'revokedAt', to_char(revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'lastUsedAt', to_char(last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        )::text
        """
}

enum AdminTokenStatements {
    static let standing = Statement<UUID, UUID, AdminTokenStore.Standing>(
        """
        SELECT secret_hash, role, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        FROM admin_tokens
        WHERE workspace_id = $1
            AND id = $2
        """,
        decode: decodeStanding
    )

    static let platformStanding = Statement<UUID, AdminTokenStore.Standing>(
        """
        SELECT secret_hash, role, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        FROM platform_admin_tokens
        WHERE id = $1
        """,
        decode: decodeStanding
    )

    @Sendable private static func decodeStanding(
        _ row: inout RowReader
    ) throws(RowDecodingError) -> AdminTokenStore.Standing {
        AdminTokenStore.Standing(
            secretHash: try row.next([UInt8].self),
            role: try row.next(AdminRole.self),
            isLive: try row.next(Bool.self)
        )
    }

    static let used = Statement<UUID, UUID, [UInt8], Void>(
        """
        UPDATE admin_tokens
        SET last_used_at = now()
        WHERE workspace_id = $1
            AND id = $2
            AND secret_hash = $3
            AND coalesce(last_used_at < now() - interval '1 minute', true)
        """
    )

    static let platformUsed = Statement<UUID, [UInt8], Void>(
        """
        UPDATE platform_admin_tokens
        SET last_used_at = now()
        WHERE id = $1
            AND secret_hash = $2
            AND coalesce(last_used_at < now() - interval '1 minute', true)
        """
    )

    static let list = Statement<UUID, UUID?, Int, Page.Item>(
        """
        SELECT \(AdminTokenRow.columns), id::text
        FROM admin_tokens
        WHERE workspace_id = $1
            AND id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        ORDER BY admin_tokens.id
        LIMIT $3
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, UUID, String>(
        """
        SELECT \(AdminTokenRow.columns)
        FROM admin_tokens
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, UUID, String>(
        """
        SELECT \(AdminTokenRow.columns)
        FROM admin_tokens
        WHERE workspace_id = $1
            AND id = $2
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    /// The owners' tokens that are live, and stay so.
    static let lockOwners = Statement<UUID, UUID>(
        """
        SELECT id
        FROM admin_tokens
        WHERE workspace_id = $1
            AND role = 'owner'
            AND revoked_at IS NULL
            AND expires_at IS NULL
        ORDER BY id
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let insert = Statement<UUID, UUID, String, String, [UInt8], Date?, Void>(
        """
        INSERT INTO admin_tokens (workspace_id, id, name, role, secret_hash, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """
    )

    static let copy = Statement<UUID, UUID, UUID, [UInt8], UUID>(
        """
        INSERT INTO admin_tokens (workspace_id, id, name, role, secret_hash, expires_at)
        SELECT workspace_id, $3, name, role, $4, expires_at
        FROM admin_tokens
        WHERE workspace_id = $1
            AND id = $2
            AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())
        RETURNING id
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let endAfter = Statement<UUID, UUID, Int, Void>(
        """
        UPDATE admin_tokens
        SET expires_at = least(expires_at, now() + make_interval(secs => $3))
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let revoke = Statement<UUID, UUID, Void>(
        """
        UPDATE admin_tokens
        SET revoked_at = coalesce(revoked_at, now())
        WHERE workspace_id = $1
            AND id = $2
        """
    )
}
