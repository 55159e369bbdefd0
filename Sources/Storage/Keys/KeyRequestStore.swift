package import Domain
package import FoundationEssentials
package import Postgres

/// What operators ask of the worker about keys, and how far it has come.
package struct KeyRequestStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// How far a request has come.
    package struct Progress: Hashable, Sendable {
        /// What came of it; none while no worker has seen to it.
        package let outcome: KeyRequest.Outcome?
        /// When a worker did.
        package let decidedAt: Date?
        /// The epoch whose view has it.
        package let epoch: Int?
        /// How many sessions ended so far.
        package let sessionsRevoked: Int
        /// Whether more sessions are being ended.
        package let isRevoking: Bool
    }

    /// Which live nodes have a workspace's epoch.
    package struct Acknowledgement: Hashable, Sendable {
        /// How many nodes are alive.
        package let nodes: Int
        /// How many of them do not have it yet.
        package let missing: Int
        /// When the last one had it.
        package let lastAt: Date?
    }

    /// Asks; the worker is due at once, and hears of it by the notification that is the caller's to send.
    ///
    /// One transaction with its audit entry. A key that is not there is a foreign key violation.
    package func ask(
        _ request: KeyRequest,
        reason: String?,
        in workspaceID: Workspace.ID,
        actor: String,
        requestID: String? = nil
    ) async throws(PostgresError) {
        let kind = RequestKind(request.wish)
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            KeyRequestStatements.ask.bind(
                workspaceID.raw,
                request.id.raw,
                kind.rawValue,
                request.wish.kid,
                request.sessions.rawValue,
                reason,
                actor
            ),
            AuditLog.append(
                AuditEntry(
                    actor: actor,
                    action: "key_request.\(kind.rawValue)",
                    subject: "key_request:\(request.id.text)",
                    after: #"{"sessions":"\#(request.sessions.rawValue)"}"#,
                    requestID: requestID
                ),
                to: workspaceID
            )
        )
    }

    /// How far a request has come, or none when there is no such request.
    ///
    /// One round trip.
    package func progress(
        of request: KeyRequest.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Progress? {
        let (_, found) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            KeyRequestStatements.progress.bind(workspaceID.raw, request.raw)
        )
        return found.first
    }

    /// Which of the nodes that were heard of within six seconds have the epoch.
    ///
    /// One round trip.
    package func acknowledgement(
        of epoch: Int,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Acknowledgement {
        let found = try await pool.query(KeyRequestStatements.acknowledgement.bind(workspaceID.raw, epoch))
        return found.first ?? Acknowledgement(nodes: 0, missing: 0, lastAt: nil)
    }

    /// Writes down when the last live node had what was asked for; the first to say so counts.
    ///
    /// One round trip; the worker's alone.
    package func acknowledged(
        _ request: KeyRequest.ID,
        at instant: Date,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) {
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            KeyRequestStatements.acknowledge.bind(workspaceID.raw, request.raw, instant)
        )
    }
}

enum KeyRequestStatements {
    static let ask = Statement<UUID, UUID, String, String?, String, String?, String, Void>(
        """
        INSERT INTO key_requests (workspace_id, id, kind, kid, sessions, reason, actor)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """
    )

    static let decide = Statement<UUID, UUID, String, Void>(
        """
        UPDATE key_requests
        SET decided_at = now(), outcome = $3,
            epoch = (SELECT epoch FROM workspace_epochs WHERE workspace_id = $1),
            revoke_after = CASE
                WHEN sessions = 'revoke' AND $3 <> 'unknown_key' THEN '00000000-0000-0000-0000-000000000000'::uuid
            END
        WHERE workspace_id = $1
            AND id = $2
            AND decided_at IS NULL
        """
    )

    /// The next batch of every revocation that is under way: sessions that may hold a token of the key.
    static let endSessions = Statement<UUID, Int>(
        """
        UPDATE key_requests
        SET revoke_after = batch.last, sessions_revoked = coalesce(sessions_revoked, 0) + batch.ended
        FROM (
            SELECT open.id, revoked.ended, revoked.last
            FROM key_requests AS open
            JOIN signing_keys ON signing_keys.workspace_id = open.workspace_id AND signing_keys.kid = open.kid
            CROSS JOIN LATERAL revoke_sessions(
                least(open.decided_at, signing_keys.retires_at),
                open.revoke_after,
                5000
            ) AS revoked
            WHERE open.workspace_id = $1
                AND open.revoke_after IS NOT NULL
        ) AS batch
        WHERE key_requests.workspace_id = $1
            AND key_requests.id = batch.id
        RETURNING batch.ended
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let unfinished = Statement<UUID, Bool>(
        """
        SELECT EXISTS (
            SELECT 1 FROM key_requests
            WHERE workspace_id = $1
                AND revoke_after IS NOT NULL
        )
        """
    ) { row throws(RowDecodingError) in try row.next(Bool.self) }

    static let progress = Statement<UUID, UUID, KeyRequestStore.Progress>(
        """
        SELECT outcome, decided_at, epoch, coalesce(sessions_revoked, 0), revoke_after IS NOT NULL
        FROM key_requests
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in
        KeyRequestStore.Progress(
            outcome: try row.next(KeyRequest.Outcome?.self),
            decidedAt: try row.next(Date?.self),
            epoch: try row.next(Int?.self),
            sessionsRevoked: try row.next(Int.self),
            isRevoking: try row.next(Bool.self)
        )
    }

    static let acknowledgement = Statement<UUID, Int, KeyRequestStore.Acknowledgement>(
        """
        SELECT count(*), count(*) FILTER (WHERE coalesce(node_epochs.epoch, -1) < $2), max(node_epochs.applied_at)
        FROM nodes
        LEFT JOIN node_epochs ON node_epochs.node_id = nodes.id AND node_epochs.workspace_id = $1
        WHERE nodes.seen_at > now() - interval '6 seconds'
        """
    ) { row throws(RowDecodingError) in
        KeyRequestStore.Acknowledgement(
            nodes: try row.next(Int.self),
            missing: try row.next(Int.self),
            lastAt: try row.next(Date?.self)
        )
    }

    static let acknowledge = Statement<UUID, UUID, Date, Void>(
        """
        UPDATE key_requests
        SET acknowledged_at = $3
        WHERE workspace_id = $1
            AND id = $2
            AND acknowledged_at IS NULL
        """
    )
}
