package import Domain
import FoundationEssentials
package import Postgres

/// A workspace's live sessions, as operators see and end them.
package struct SessionDirectory: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Whose sessions are meant.
    package enum Owner: Hashable, Sendable {
        /// All of the workspace.
        case workspace
        /// Those in an app.
        case application(ConnectedApp.ID)
        /// Those in the apps of a group.
        case group(SSOGroup.ID)
        /// Those of a user.
        case user(User.ID)

        var subject: String {
            switch self {
            case .workspace: "workspace:all"
            case .application(let id): "application:\(id.raw)"
            case .group(let id): "sso_group:\(id.raw)"
            case .user(let id): "user:\(id.text)"
            }
        }
    }

    /// Sessions that are ended in one transaction.
    private static let batch = 2000

    /// Part of an app's live sessions, newest first.
    ///
    /// One round trip.
    package func list(
        of app: ConnectedApp.ID,
        _ page: PageRequest,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Page {
        let before = page.after.flatMap { UUID(uuidString: $0) }
        let found = try await pool.read(
            in: workspaceID,
            SessionDirectoryStatements.ofApp.bind(workspaceID.raw, app.raw, before, page.fetched)
        )
        return Page(found, page)
    }

    /// Part of a user's live sessions, newest first.
    ///
    /// One round trip.
    package func list(
        of user: User.ID,
        _ page: PageRequest,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Page {
        let before = page.after.flatMap { UUID(uuidString: $0) }
        let found = try await pool.read(
            in: workspaceID,
            SessionDirectoryStatements.ofUser.bind(workspaceID.raw, user.raw, before, page.fetched)
        )
        return Page(found, page)
    }

    /// Ends one live session of an app, and with it all that were exchanged from it; none when there is no such session.
    package func end(
        _ session: Session.ID,
        of app: ConnectedApp.ID?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let found = try await change.transaction.query(
                SessionDirectoryStatements.end.bind(id, session.raw, app?.raw)
            )
            guard let before = found.first else { return nil }
            try await change.record("session.revoke", "session:\(session.text)", before: before)
            return before
        }
    }

    /// Ends all live sessions of an owner that began before now; answers how many.
    ///
    /// In batches, each a transaction of its own: those that begin meanwhile are not meant, and a service that dies in
    /// between has ended some. The first writes the audit log.
    package func endAll(
        of owner: Owner,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<Int> {
        let began = try await pool.administer(workspaceID, by: administrator) { change in
            let now = try await change.transaction.query(SessionDirectoryStatements.now.bind()).first
            try await change.record("session.revoke_all", owner.subject)
            return now ?? Date.distantPast
        }
        var (ended, after) = (0, UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
        while true {
            let batch = try await pool.read(
                in: workspaceID,
                statement(owner, workspaceID, began.value, after)
            ).first
            ended += batch?.ended ?? 0
            guard let last = batch?.last else { return Administered(value: ended, epoch: began.epoch) }
            after = last
        }
    }

    private func statement(
        _ owner: Owner,
        _ workspaceID: Workspace.ID,
        _ began: Date,
        _ after: UUID
    ) -> BoundStatement<SessionDirectoryStatements.Batch> {
        let id = workspaceID.raw
        return switch owner {
        case .workspace: SessionDirectoryStatements.endOfWorkspace.bind(id, began, after, Self.batch)
        case .application(let app):
            SessionDirectoryStatements.endOfApp.bind(id, began, after, Self.batch, app.raw)
        case .group(let group):
            SessionDirectoryStatements.endOfGroup.bind(id, began, after, Self.batch, group.raw)
        case .user(let user):
            SessionDirectoryStatements.endOfUser.bind(id, began, after, Self.batch, user.raw)
        }
    }
}

/// A session as operators see it; `s` is the session.
enum SessionDirectoryRow {
    static let columns = """
        json_build_object(
            'id', s.id, 'userId', s.user_id, 'appId', s.app_id,
            'parentId', s.ancestors[cardinality(s.ancestors)], 'rootId', coalesce(s.ancestors[1], s.id),
            'depth', cardinality(s.ancestors), 'apiKeyId', s.api_key_id, 'amr', s.amr, 'ip', s.ip,
            'userAgent', s.user_agent,
            'authenticatedAt', to_char(s.authenticated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'createdAt', to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'lastUsedAt', to_char(s.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'expiresAt', to_char(s.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        )::text
        """
}

enum SessionDirectoryStatements {
    typealias Batch = (ended: Int, last: UUID?)

    static let now = Statement<Date>("SELECT clock_timestamp()") { row throws(RowDecodingError) in
        try row.next(Date.self)
    }

    static let ofApp = Statement<UUID, String, UUID?, Int, Page.Item>(
        """
        SELECT \(SessionDirectoryRow.columns), s.id::text
        FROM sessions AS s
        WHERE s.workspace_id = $1
            AND s.app_id = $2
            AND s.id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            AND s.revoked_at IS NULL
            AND s.expires_at > now()
            AND s.last_used_at + make_interval(secs => s.idle_timeout) > now()
            AND NOT any_session_revoked($1, s.ancestors)
        ORDER BY s.id DESC
        LIMIT $4
        """,
        decode: Page.Item.decode
    )

    static let ofUser = Statement<UUID, UUID, UUID?, Int, Page.Item>(
        """
        SELECT \(SessionDirectoryRow.columns), s.id::text
        FROM sessions AS s
        WHERE s.workspace_id = $1
            AND s.user_id = $2
            AND s.id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            AND s.revoked_at IS NULL
            AND s.expires_at > now()
            AND s.last_used_at + make_interval(secs => s.idle_timeout) > now()
            AND NOT any_session_revoked($1, s.ancestors)
        ORDER BY s.id DESC
        LIMIT $4
        """,
        decode: Page.Item.decode
    )

    static let end = Statement<UUID, UUID, String?, String>(
        """
        UPDATE sessions AS s
        SET revoked_at = now(), revoked_reason = 'ended_by_admin'
        WHERE s.workspace_id = $1
            AND s.id = $2
            AND ($3 IS NULL OR s.app_id = $3)
            AND s.revoked_at IS NULL
            AND s.expires_at > now()
        RETURNING \(SessionDirectoryRow.columns)
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let endOfWorkspace = Statement<UUID, Date, UUID, Int, Batch>(
        """
        WITH chosen AS MATERIALIZED (
            SELECT id, revoked_at IS NULL AND expires_at > now() AND created_at <= $2 AS is_meant
            FROM sessions
            WHERE workspace_id = $1
                AND id > $3
            ORDER BY id
            LIMIT $4
        ), ended AS (
            UPDATE sessions
            SET revoked_at = now(), revoked_reason = 'ended_by_admin'
            FROM chosen
            WHERE sessions.workspace_id = $1 AND sessions.id = chosen.id AND is_meant AND revoked_at IS NULL
            RETURNING sessions.id
        )
        SELECT (SELECT count(*) FROM ended), (SELECT id FROM chosen ORDER BY id DESC LIMIT 1)
        """,
        decode: decodeBatch
    )

    static let endOfApp = Statement<UUID, Date, UUID, Int, String, Batch>(
        """
        WITH chosen AS MATERIALIZED (
            SELECT id, revoked_at IS NULL AND expires_at > now() AND created_at <= $2 AS is_meant
            FROM sessions
            WHERE workspace_id = $1
                AND app_id = $5
                AND id > $3
            ORDER BY id
            LIMIT $4
        ), ended AS (
            UPDATE sessions
            SET revoked_at = now(), revoked_reason = 'ended_by_admin'
            FROM chosen
            WHERE sessions.workspace_id = $1 AND sessions.id = chosen.id AND is_meant AND revoked_at IS NULL
            RETURNING sessions.id
        )
        SELECT (SELECT count(*) FROM ended), (SELECT id FROM chosen ORDER BY id DESC LIMIT 1)
        """,
        decode: decodeBatch
    )

    static let endOfGroup = Statement<UUID, Date, UUID, Int, String, Batch>(
        """
        WITH chosen AS MATERIALIZED (
            SELECT id, revoked_at IS NULL AND expires_at > now() AND created_at <= $2 AS is_meant
            FROM sessions
            WHERE workspace_id = $1
                AND app_id IN (
                    SELECT sso_group_apps.app_id FROM sso_group_apps
                    WHERE sso_group_apps.workspace_id = $1 AND group_id = $5
                )
                AND id > $3
            ORDER BY id
            LIMIT $4
        ), ended AS (
            UPDATE sessions
            SET revoked_at = now(), revoked_reason = 'ended_by_admin'
            FROM chosen
            WHERE sessions.workspace_id = $1 AND sessions.id = chosen.id AND is_meant AND revoked_at IS NULL
            RETURNING sessions.id
        )
        SELECT (SELECT count(*) FROM ended), (SELECT id FROM chosen ORDER BY id DESC LIMIT 1)
        """,
        decode: decodeBatch
    )

    static let endOfUser = Statement<UUID, Date, UUID, Int, UUID, Batch>(
        """
        WITH chosen AS MATERIALIZED (
            SELECT id, revoked_at IS NULL AND expires_at > now() AND created_at <= $2 AS is_meant
            FROM sessions
            WHERE workspace_id = $1
                AND user_id = $5
                AND id > $3
            ORDER BY id
            LIMIT $4
        ), ended AS (
            UPDATE sessions
            SET revoked_at = now(), revoked_reason = 'ended_by_admin'
            FROM chosen
            WHERE sessions.workspace_id = $1 AND sessions.id = chosen.id AND is_meant AND revoked_at IS NULL
            RETURNING sessions.id
        )
        SELECT (SELECT count(*) FROM ended), (SELECT id FROM chosen ORDER BY id DESC LIMIT 1)
        """,
        decode: decodeBatch
    )

    @Sendable private static func decodeBatch(_ row: inout RowReader) throws(RowDecodingError) -> Batch {
        (ended: try row.next(Int.self), last: try row.next(UUID?.self))
    }
}
