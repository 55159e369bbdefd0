package import Domain
import FoundationEssentials
package import Postgres

/// A workspace's users, as operators see and change them.
package struct UserStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A user to make.
    package struct NewUser: Sendable {
        /// The identity.
        package let id: User.ID
        /// The address as it was written, and the form two are compared in.
        package let email: EmailAddress
        /// The name that people read.
        package let name: String
        /// Whether somebody has shown that the address is theirs.
        package let isEmailVerified: Bool
        /// The stored form of a password, when there is one.
        package let passwordHash: String?

        package init(
            id: User.ID,
            email: EmailAddress,
            name: String,
            isEmailVerified: Bool = false,
            passwordHash: String? = nil
        ) {
            self.id = id
            self.email = email
            self.name = name
            self.isEmailVerified = isEmailVerified
            self.passwordHash = passwordHash
        }
    }

    /// Part of the list, oldest first; a search takes the beginning of an address or a name.
    ///
    /// One round trip.
    package func list(_ page: PageRequest, in workspaceID: Workspace.ID) async throws(PostgresError) -> Page {
        let (id, after) = (workspaceID.raw, page.after.flatMap { UUID(uuidString: $0) })
        guard let beginning = page.beginning, let beyond = page.beyond else {
            return Page(
                try await pool.read(in: workspaceID, UserStatements.list.bind(id, after, page.fetched)),
                page
            )
        }
        let found = try await pool.read(
            in: workspaceID,
            UserStatements.search.bind(id, after, page.fetched, beginning, beyond)
        )
        return Page(found, page)
    }

    /// A user's JSON, if there is one.
    ///
    /// One round trip.
    package func find(_ user: User.ID, in workspaceID: Workspace.ID) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, UserStatements.find.bind(workspaceID.raw, user.raw)).first
    }

    /// Makes a user; a taken address is a unique violation.
    package func create(
        _ user: NewUser,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.make(
                "user.create",
                "user:\(user.id.text)",
                by: [UserStatements.insert(user, id)],
                reading: UserStatements.find.bind(id, user.id.raw)
            ) ?? ""
        }
    }

    /// Changes a user; `columns` is JSON of the columns that change.
    ///
    /// A user who is not active any more loses all sessions in the same transaction.
    package func change(
        _ user: User.ID,
        columns: String,
        if precondition: Precondition?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.change(
                "user.update",
                "user:\(user.text)",
                reading: UserStatements.lock.bind(id, user.raw),
                if: precondition,
                by: [
                    UserStatements.update.bind(id, user.raw, columns),
                    UserStatements.endSessionsOfDisabled.bind(id, user.raw),
                ]
            )
        }
    }

    /// Removes a user with all memberships and sessions; none when there is no such user.
    package func remove(
        _ user: User.ID,
        if precondition: Precondition?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            return try await change.change(
                "user.delete",
                "user:\(user.text)",
                reading: UserStatements.lock.bind(id, user.raw),
                if: precondition,
                by: [UserStatements.delete.bind(id, user.raw)]
            )
        }
    }
}

/// A user as operators see them; nothing of the password.
enum UserDirectoryRow {
    static let columns = """
        json_build_object(
            'id', users.id, 'email', email, 'emailVerified', email_verified, 'name', name, 'image', image,
            'status', status, 'hasPassword', password_hash IS NOT NULL,
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

enum UserStatements {
    static let list = Statement<UUID, UUID?, Int, Page.Item>(
        """
        SELECT \(UserDirectoryRow.columns), id::text
        FROM users
        WHERE workspace_id = $1
            AND id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        ORDER BY users.id
        LIMIT $3
        """,
        decode: Page.Item.decode
    )

    /// Addresses and names that begin so: a few are found by one index each; where there are many, so are the first of
    /// them by going through all.
    static let search = Statement<UUID, UUID?, Int, String, String, Page.Item>(
        """
        WITH addressed AS MATERIALIZED (
            SELECT id
            FROM users
            WHERE workspace_id = $1 AND email_key COLLATE "C" >= $4 AND email_key COLLATE "C" < $5
            LIMIT 500
        ), named AS MATERIALIZED (
            SELECT id
            FROM users
            WHERE workspace_id = $1 AND lower(name) COLLATE "C" >= $4 AND lower(name) COLLATE "C" < $5
            LIMIT 500
        ), size AS MATERIALIZED (
            SELECT greatest((SELECT count(*) FROM addressed), (SELECT count(*) FROM named)) < 500 AS is_small
        ), chosen AS MATERIALIZED (
            (
                SELECT id
                FROM (SELECT id FROM addressed UNION SELECT id FROM named) AS few
                WHERE (SELECT is_small FROM size)
                    AND id > coalesce($2, '00000000-0000-0000-0000-000000000000')
                ORDER BY id
                LIMIT $3
            )
            UNION ALL
            (
                SELECT id
                FROM users
                WHERE NOT (SELECT is_small FROM size)
                    AND workspace_id = $1
                    AND id > coalesce($2, '00000000-0000-0000-0000-000000000000')
                    AND (email_key COLLATE "C" >= $4 AND email_key COLLATE "C" < $5
                        OR lower(name) COLLATE "C" >= $4 AND lower(name) COLLATE "C" < $5)
                ORDER BY id
                LIMIT $3
            )
        )
        SELECT \(UserDirectoryRow.columns), id::text
        FROM users
        WHERE workspace_id = $1
            AND id IN (SELECT chosen.id FROM chosen)
        ORDER BY users.id
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, UUID, String>(
        """
        SELECT \(UserDirectoryRow.columns)
        FROM users
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, UUID, String>(
        """
        SELECT \(UserDirectoryRow.columns)
        FROM users
        WHERE workspace_id = $1
            AND id = $2
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static func insert(_ user: UserStore.NewUser, _ workspaceID: UUID) -> BoundStatement<Void> {
        insertion.bind(
            workspaceID,
            user.id.raw,
            user.email.text,
            user.email.key,
            user.name,
            user.isEmailVerified,
            user.passwordHash
        )
    }

    static let insertion = Statement<UUID, UUID, String, String, String, Bool, String?, Void>(
        """
        INSERT INTO users (workspace_id, id, email, email_key, name, email_verified, password_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """
    )

    static let update = Statement<UUID, UUID, String, Void>(
        """
        UPDATE users
        SET (email, email_key, name, image, email_verified, status, password_hash) = (
                SELECT email, email_key, name, image, email_verified, status, password_hash
                FROM jsonb_populate_record(users, $3::text::jsonb)
            ),
            updated_at = clock_timestamp()
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let endSessionsOfDisabled = Statement<UUID, UUID, Void>(
        """
        UPDATE sessions
        SET revoked_at = now(), revoked_reason = 'user_disabled'
        WHERE workspace_id = $1
            AND user_id = $2
            AND revoked_at IS NULL
            AND EXISTS (SELECT FROM users WHERE workspace_id = $1 AND id = $2 AND status <> 'active')
        """
    )

    static let delete = Statement<UUID, UUID, Void>(
        """
        DELETE FROM users
        WHERE workspace_id = $1
            AND id = $2
        """
    )
}
