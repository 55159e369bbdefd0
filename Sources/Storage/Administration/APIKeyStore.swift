package import Domain
package import FoundationEssentials
package import Postgres

/// The credentials of backends, as operators see and change them.
package struct APIKeyStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What a key may be used for; none is no limit.
    package struct Limits: Sendable {
        /// Apps whose sessions it may exchange.
        package var sourceApps: [String]?
        /// Apps it may exchange into.
        package var targetApps: [String]?
        /// Networks it may be used from, in CIDR notation.
        package var networks: [String]?
        /// When it ends by itself.
        package var expiresAt: Date?

        package init(
            sourceApps: [String]? = nil,
            targetApps: [String]? = nil,
            networks: [String]? = nil,
            expiresAt: Date? = nil
        ) {
            self.sourceApps = sourceApps
            self.targetApps = targetApps
            self.networks = networks
            self.expiresAt = expiresAt
        }
    }

    /// Part of the list, oldest first.
    ///
    /// One round trip.
    package func list(_ page: PageRequest, in workspaceID: Workspace.ID) async throws(PostgresError) -> Page {
        let after = page.after.flatMap { UUID(uuidString: $0) }
        let found = try await pool.read(
            in: workspaceID,
            APIKeyStatements.list.bind(workspaceID.raw, after, page.fetched)
        )
        return Page(found, page)
    }

    /// A key's JSON, if there is one.
    ///
    /// One round trip.
    package func find(_ key: APIKey.ID, in workspaceID: Workspace.ID) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, APIKeyStatements.find.bind(workspaceID.raw, key.raw)).first
    }

    /// Makes a key: of the app, or of the workspace when none is named.
    ///
    /// An app that does not exist is a foreign key violation.
    package func create(
        _ key: AdministrationStore.Credential,
        of app: ConnectedApp.ID?,
        limits: Limits,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.make(
                "api_key.create",
                "api_key:\(key.id.uuidString.asciiLowercased)",
                by: [
                    APIKeyStatements.insert.bind(
                        id,
                        key.id,
                        app == nil ? "workspace" : "app",
                        app?.raw,
                        key.name,
                        key.secretHash,
                        limits.sourceApps,
                        limits.targetApps,
                        limits.networks,
                        limits.expiresAt
                    )
                ],
                reading: APIKeyStatements.find.bind(id, key.id)
            ) ?? ""
        }
    }

    /// Makes a key like another and lets that one end after `overlap` seconds; none when it is not there or not live.
    package func rotate(
        _ old: APIKey.ID,
        to key: AdministrationStore.Credential,
        overlap: Int,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let made = try await change.transaction.query(
                APIKeyStatements.copy.bind(id, old.raw, key.id, key.secretHash)
            )
            guard !made.isEmpty else { return nil }
            _ = try await change.change(
                "api_key.rotate",
                "api_key:\(old.text)",
                reading: APIKeyStatements.lock.bind(id, old.raw),
                if: nil,
                by: [APIKeyStatements.endAfter.bind(id, old.raw, overlap)]
            )
            let after = try await change.transaction.query(APIKeyStatements.find.bind(id, key.id)).first
            try await change.record(
                "api_key.create",
                "api_key:\(key.id.uuidString.asciiLowercased)",
                after: after
            )
            return after
        }
    }

    /// Ends a key; one that has ended stays as it is.
    package func revoke(
        _ key: APIKey.ID,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                "api_key.revoke",
                "api_key:\(key.text)",
                reading: APIKeyStatements.lock.bind(workspaceID.raw, key.raw),
                if: nil,
                by: [APIKeyStatements.revoke.bind(workspaceID.raw, key.raw)]
            )
        }
    }

    /// Writes down that keys were used; of two who say so, the later counts.
    ///
    /// One round trip for each workspace.
    package func used(
        _ keys: [APIKey.ID],
        at instant: Date,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) {
        _ = try await pool.read(
            in: workspaceID,
            APIKeyStatements.used.bind(workspaceID.raw, keys.map(\.raw), instant)
        )
    }
}

/// An API key as operators see it.
enum APIKeyRow {
    static let columns = """
        json_build_object(
            'id', id, 'name', name, 'kind', kind, 'appId', app_id, 'sourceApps', source_apps,
            'targetApps', target_apps, 'networks', networks,
            'expiresAt', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'revokedAt', to_char(revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'lastUsedAt', (SELECT to_char(used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                FROM api_key_uses WHERE api_key_uses.workspace_id = $1 AND api_key_id = api_keys.id),
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        )::text
        """
}

enum APIKeyStatements {
    static let list = Statement<UUID, UUID?, Int, Page.Item>(
        """
        SELECT \(APIKeyRow.columns), id::text
        FROM api_keys
        WHERE workspace_id = $1
            AND id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        ORDER BY api_keys.id
        LIMIT $3
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, UUID, String>(
        """
        SELECT \(APIKeyRow.columns)
        FROM api_keys
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, UUID, String>(
        """
        SELECT \(APIKeyRow.columns)
        FROM api_keys
        WHERE workspace_id = $1
            AND id = $2
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let insert = Statement<
        UUID, UUID, String, String?, String, [UInt8], [String]?, [String]?, [String]?, Date?, Void
    >(
        """
        INSERT INTO api_keys (workspace_id, id, kind, app_id, name, secret_hash, source_apps, target_apps, networks,
            expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text[]::cidr[], $10)
        """
    )

    static let copy = Statement<UUID, UUID, UUID, [UInt8], UUID>(
        """
        INSERT INTO api_keys (workspace_id, id, kind, app_id, name, secret_hash, source_apps, target_apps, networks,
            expires_at)
        SELECT workspace_id, $3, kind, app_id, name, $4, source_apps, target_apps, networks, expires_at
        FROM api_keys
        WHERE workspace_id = $1
            AND id = $2
            AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())
        RETURNING id
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let endAfter = Statement<UUID, UUID, Int, Void>(
        """
        UPDATE api_keys
        SET expires_at = least(expires_at, now() + make_interval(secs => $3))
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let revoke = Statement<UUID, UUID, Void>(
        """
        UPDATE api_keys
        SET revoked_at = coalesce(revoked_at, now())
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let used = Statement<UUID, [UUID], Date, Void>(
        """
        INSERT INTO api_key_uses AS known (workspace_id, api_key_id, used_at)
        SELECT api_keys.workspace_id, api_keys.id, $3
        FROM unnest($2) AS given (id)
        JOIN api_keys ON api_keys.workspace_id = $1 AND api_keys.id = given.id
        ORDER BY api_keys.id
        ON CONFLICT (workspace_id, api_key_id) DO UPDATE SET used_at = greatest(known.used_at, excluded.used_at)
        """
    )
}
