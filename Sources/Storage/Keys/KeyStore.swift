package import Domain
package import FoundationEssentials
package import Postgres

/// The worker's side of signing keys: which workspace is due, and writing what was made.
package struct KeyStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A workspace that is due, with what the worker needs to know to make it a key.
    package struct Due: Hashable, Sendable {
        /// The workspace it is in.
        package let workspaceID: Workspace.ID
        /// What it signs with.
        package let algorithm: SigningAlgorithm
        /// The modulus length of its RSA keys.
        package let rsaBits: Int
        /// Whether it has a key that signs, or will.
        package let hasKey: Bool
        /// Whether it has the secret behind cookies and CSRF tokens.
        package let hasBrowserSecret: Bool
    }

    /// The workspaces that are due, longest due first, at most `limit`.
    ///
    /// Claims nothing: keys are made outside of any transaction, and ``record(_:browserSecret:for:)`` asks
    /// again whether they are wanted.
    package func due(limit: Int) async throws(PostgresError) -> [Due] {
        var found: [Due] = []
        for id in try await pool.query(KeyStatements.due.bind(limit)) {
            let (_, rows) = try await pool.pipeline(
                Tenant.enter.bind(id.text),
                KeyStatements.needs.bind(id.raw)
            )
            // Gone, and in the way of the others for as long as it is due.
            if rows.isEmpty { _ = try await pool.query(KeyStatements.retire.bind(id.raw)) }
            found.append(contentsOf: rows)
        }
        return found
    }

    /// How long until the next workspace is due, if any is scheduled.
    package func nextDue() async throws(PostgresError) -> Date? {
        try await pool.query(KeyStatements.nextDue.bind()).first ?? nil
    }

    /// Writes a workspace's first key and secret if it still has none, and schedules its next look.
    ///
    /// Answers whether anything was written. One transaction; the claim is skipped when another worker holds
    /// it.
    package func record(
        _ key: SigningKeyRecord?,
        browserSecret: StoredSecret?,
        for workspaceID: Workspace.ID,
        nextLook: Duration
    ) async throws -> Bool {
        let id = workspaceID.raw
        return try await pool.transaction(.readCommitted) { transaction in
            let (_, claims) = try await transaction.pipeline(
                Tenant.enter.bind(workspaceID.text),
                KeyStatements.claim.bind(id)
            )
            guard !claims.isEmpty, let needs = try await transaction.query(KeyStatements.needs.bind(id)).first
            else {
                return false
            }
            var written = false
            if let key, !needs.hasKey {
                _ = try await transaction.pipeline(
                    KeyStatements.insert.bind(
                        id,
                        key.kid,
                        key.algorithm.rawValue,
                        key.publicKey,
                        key.sealedPrivateKey,
                        key.publishedAt,
                        key.activatesAt
                    ),
                    AuditLog.append(
                        AuditEntry(
                            actor: "key-rotator",
                            action: "signing_key.create",
                            subject: "signing_key:\(key.kid)"
                        ),
                        to: workspaceID
                    )
                )
                written = true
            }
            if let browserSecret, !needs.hasBrowserSecret {
                _ = try await transaction.query(
                    KeyStatements.insertSecret.bind(id, browserSecret.id, browserSecret.sealed)
                )
                written = true
            }
            _ = try await transaction.query(KeyStatements.schedule.bind(id, Int(nextLook.components.seconds)))
            return written
        }
    }

    /// Makes the session partitions from yesterday to `days` ahead that are missing; answers how many it made.
    package func ensureSessionPartitions(days: Int) async throws(PostgresError) -> Int {
        try await pool.query(KeyStatements.ensurePartitions.bind(days)).first ?? 0
    }
}

enum KeyStatements {
    static let due = Statement<Int, Workspace.ID>(
        """
        SELECT workspace_id
        FROM key_schedule
        WHERE next_at <= now()
        ORDER BY next_at
        LIMIT $1
        """
    ) { row throws(RowDecodingError) in Workspace.ID(try row.next(UUID.self)) }

    static let nextDue = Statement<Date?>(
        """
        SELECT min(next_at)
        FROM key_schedule
        WHERE next_at < 'infinity'
        """
    ) { row throws(RowDecodingError) in try row.next(Date?.self) }

    static let needs = Statement<UUID, KeyStore.Due>(
        """
        SELECT id, signing_algorithm, rsa_bits,
            EXISTS (
                SELECT 1 FROM signing_keys
                WHERE workspace_id = $1 AND compromised_at IS NULL AND (retires_at IS NULL OR retires_at > now())
            ),
            EXISTS (SELECT 1 FROM workspace_secrets WHERE workspace_id = $1 AND purpose = 'browser')
        FROM workspaces
        WHERE id = $1
        """
    ) { row throws(RowDecodingError) in
        KeyStore.Due(
            workspaceID: Workspace.ID(try row.next(UUID.self)),
            algorithm: try row.next(SigningAlgorithm.self),
            rsaBits: try row.next(Int.self),
            hasKey: try row.next(Bool.self),
            hasBrowserSecret: try row.next(Bool.self)
        )
    }

    static let claim = Statement<UUID, UUID>(
        """
        SELECT workspace_id
        FROM key_schedule
        WHERE workspace_id = $1
            AND next_at <= now()
        FOR UPDATE SKIP LOCKED
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let insert = Statement<UUID, String, String, [UInt8], [UInt8]?, Date, Date, Void>(
        """
        INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, sealed_private_key, published_at,
            activates_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """
    )

    static let insertSecret = Statement<UUID, String, [UInt8], Void>(
        """
        INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed)
        VALUES ($1, 'browser', $2, $3)
        """
    )

    static let schedule = Statement<UUID, Int, Void>(
        """
        UPDATE key_schedule
        SET next_at = now() + make_interval(secs => $2::bigint)
        WHERE workspace_id = $1
        """
    )

    static let retire = Statement<UUID, Void>(
        """
        UPDATE key_schedule
        SET next_at = 'infinity'
        WHERE workspace_id = $1
        """
    )

    static let ensurePartitions = Statement<Int, Int>(
        """
        SELECT ensure_session_partitions(
            (now() AT TIME ZONE 'UTC')::date - 1,
            (now() AT TIME ZONE 'UTC')::date + $1::integer
        )
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}
