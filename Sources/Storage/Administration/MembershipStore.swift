package import Domain
import FoundationEssentials
package import Postgres

/// Who is in which app, as operators see and change it.
package struct MembershipStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Part of an app's members, oldest user first; of one standing alone when one is named.
    ///
    /// One round trip.
    package func list(
        of app: ConnectedApp.ID,
        standing: String?,
        _ page: PageRequest,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Page {
        let after = page.after.flatMap { UUID(uuidString: $0) }
        let found = try await pool.read(
            in: workspaceID,
            MembershipStatements.ofApp.bind(
                workspaceID.raw,
                app.raw,
                after,
                page.fetched,
                standing,
                page.beginning,
                page.beyond
            )
        )
        return Page(found, page)
    }

    /// Part of the apps that a user is in, by id.
    ///
    /// One round trip.
    package func list(
        of user: User.ID,
        _ page: PageRequest,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Page {
        let found = try await pool.read(
            in: workspaceID,
            MembershipStatements.ofUser.bind(workspaceID.raw, user.raw, page.after ?? "", page.fetched)
        )
        return Page(found, page)
    }

    /// A membership's JSON, if there is one.
    ///
    /// One round trip.
    package func find(
        _ user: User.ID,
        in app: ConnectedApp.ID,
        of workspaceID: Workspace.ID
    ) async throws(PostgresError) -> String? {
        try await pool.read(
            in: workspaceID,
            MembershipStatements.find.bind(workspaceID.raw, user.raw, app.raw)
        ).first
    }

    /// Makes a user a member; `columns` is JSON of the columns that are not to have their defaults.
    ///
    /// A second membership is a unique violation, a user or app that is not there a foreign key violation.
    package func create(
        _ user: User.ID,
        in app: ConnectedApp.ID,
        columns: String,
        of workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.make(
                "membership.create",
                "membership:\(user.text)",
                by: [
                    MembershipStatements.insert.bind(id, user.raw, app.raw),
                    MembershipStatements.update.bind(id, user.raw, app.raw, columns),
                ],
                reading: MembershipStatements.find.bind(id, user.raw, app.raw)
            ) ?? ""
        }
    }

    /// Changes a membership; `columns` is JSON of the columns that change.
    ///
    /// Who is not active any more loses the sessions in that app in the same transaction, with all exchanged from them.
    package func change(
        _ user: User.ID,
        in app: ConnectedApp.ID,
        columns: String,
        if precondition: Precondition?,
        of workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.change(
                "membership.update",
                "membership:\(user.text)",
                reading: MembershipStatements.lock.bind(id, user.raw, app.raw),
                if: precondition,
                by: [
                    MembershipStatements.update.bind(id, user.raw, app.raw, columns),
                    MembershipStatements.endSessionsOfSuspended.bind(id, user.raw, app.raw),
                ]
            )
        }
    }

    /// Removes a membership with its sessions; the user stays.
    package func remove(
        _ user: User.ID,
        from app: ConnectedApp.ID,
        if precondition: Precondition?,
        of workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.change(
                "membership.delete",
                "membership:\(user.text)",
                reading: MembershipStatements.lock.bind(id, user.raw, app.raw),
                if: precondition,
                by: [MembershipStatements.delete.bind(id, user.raw, app.raw)]
            )
        }
    }
}

/// A membership as operators see it, with who it is; `m` is the membership and `u` the user.
enum MembershipRow {
    static let columns = """
        json_build_object(
            'userId', m.user_id, 'appId', m.app_id, 'email', u.email, 'name', u.name, 'status', m.status,
            'role', m.role, 'profile', m.profile,
            'createdAt', to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(m.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

enum MembershipStatements {
    static let ofApp = Statement<UUID, String, UUID?, Int, String?, String?, String?, Page.Item>(
        """
        SELECT \(MembershipRow.columns), m.user_id::text
        FROM memberships AS m
        JOIN users AS u ON u.workspace_id = $1 AND u.id = m.user_id
        WHERE m.workspace_id = $1
            AND m.app_id = $2
            AND m.user_id > coalesce($3, '00000000-0000-0000-0000-000000000000')
            AND ($5 IS NULL OR m.status = $5)
            AND ($6 IS NULL OR u.email_key COLLATE "C" >= $6 AND u.email_key COLLATE "C" < $7
                OR lower(u.name) COLLATE "C" >= $6 AND lower(u.name) COLLATE "C" < $7)
        ORDER BY m.user_id
        LIMIT $4
        """,
        decode: Page.Item.decode
    )

    static let ofUser = Statement<UUID, UUID, String, Int, Page.Item>(
        """
        SELECT \(MembershipRow.columns), m.app_id
        FROM memberships AS m
        JOIN users AS u ON u.workspace_id = $1 AND u.id = m.user_id
        WHERE m.workspace_id = $1
            AND m.user_id = $2
            AND m.app_id > $3
        ORDER BY m.app_id
        LIMIT $4
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, UUID, String, String>(
        """
        SELECT \(MembershipRow.columns)
        FROM memberships AS m
        JOIN users AS u ON u.workspace_id = $1 AND u.id = m.user_id
        WHERE m.workspace_id = $1
            AND m.user_id = $2
            AND m.app_id = $3
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, UUID, String, String>(
        """
        SELECT \(MembershipRow.columns)
        FROM memberships AS m
        JOIN users AS u ON u.workspace_id = $1 AND u.id = m.user_id
        WHERE m.workspace_id = $1
            AND m.user_id = $2
            AND m.app_id = $3
        FOR UPDATE OF m
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let insert = Statement<UUID, UUID, String, Void>(
        """
        INSERT INTO memberships (workspace_id, user_id, app_id)
        VALUES ($1, $2, $3)
        """
    )

    static let update = Statement<UUID, UUID, String, String, Void>(
        """
        UPDATE memberships
        SET (status, role, profile) = (
                SELECT status, role, profile
                FROM jsonb_populate_record(memberships, $4::text::jsonb)
            ),
            updated_at = clock_timestamp()
        WHERE workspace_id = $1
            AND user_id = $2
            AND app_id = $3
        """
    )

    static let endSessionsOfSuspended = Statement<UUID, UUID, String, Void>(
        """
        UPDATE sessions
        SET revoked_at = now(), revoked_reason = 'membership_suspended'
        WHERE workspace_id = $1
            AND user_id = $2
            AND app_id = $3
            AND revoked_at IS NULL
            AND EXISTS (
                SELECT FROM memberships
                WHERE workspace_id = $1 AND user_id = $2 AND app_id = $3 AND status <> 'active'
            )
        """
    )

    static let delete = Statement<UUID, UUID, String, Void>(
        """
        DELETE FROM memberships
        WHERE workspace_id = $1
            AND user_id = $2
            AND app_id = $3
        """
    )
}
