import Domain
import FoundationEssentials
import Postgres

enum SignInStatements {
    static let find = Statement<UUID, String, (user: User, passwordHash: String?)>(
        """
        SELECT \(UserRow.columns), password_hash
        FROM users
        WHERE workspace_id = $1
            AND email_key = $2
        """
    ) { row throws(RowDecodingError) in
        (user: try UserRow.decode(&row), passwordHash: try row.next(String?.self))
    }

    static let add = Statement<
        UUID, UUID, String, String, String, String?, String, String?, String?, Date, User
    >(
        """
        WITH added AS (
            INSERT INTO users (workspace_id, id, email, email_key, name, image, password_hash, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $10, $10)
            RETURNING \(UserRow.columns)
        ), joined AS (
            INSERT INTO memberships (workspace_id, user_id, app_id, status)
            SELECT $1, $2, $8, $9
            FROM added
            WHERE $8 IS NOT NULL AND $9 IS NOT NULL
        )
        SELECT \(UserRow.columns)
        FROM added
        """
    ) { row throws(RowDecodingError) in try UserRow.decode(&row) }

    static let begin = Statement<
        UUID, UUID, String?, Bool, UUID, [UInt8], [String], String?, String?, Date, Int, Int,
        SignInStore.Begun
    >(
        """
        WITH facts AS (
            SELECT u.id AS user_id, u.status AS user_status,
                (SELECT status FROM memberships WHERE workspace_id = $1 AND user_id = $2 AND app_id = $3) AS membership
            FROM users u
            WHERE u.workspace_id = $1
                AND u.id = $2
        ), admissible AS (
            SELECT *
            FROM facts
            WHERE user_status = 'active'
                AND ($3::text IS NULL OR membership = 'active' OR (membership IS NULL AND $4))
        ), joined AS (
            INSERT INTO memberships (workspace_id, user_id, app_id)
            SELECT $1, user_id, $3
            FROM admissible
            WHERE $3::text IS NOT NULL AND membership IS NULL
            ON CONFLICT (workspace_id, user_id, app_id) DO NOTHING
        ), recorded AS (
            INSERT INTO sessions (workspace_id, id, user_id, app_id, authenticated_at, amr, cookie_hash, ip, user_agent,
                created_at, last_used_at, expires_at, idle_timeout)
            SELECT $1, $5, user_id, $3, $10, $7, $6, $8, $9, $10, $10, $10 + make_interval(secs => $11::bigint),
                $12::bigint
            FROM admissible
            RETURNING id
        )
        SELECT facts.membership, recorded.id IS NOT NULL
        FROM facts
        LEFT JOIN recorded ON true
        """
    ) { row throws(RowDecodingError) in
        SignInStore.Begun(
            membership: try row.next(Membership.Status?.self),
            isRecorded: try row.next(Bool.self)
        )
    }

    static let session = Statement<UUID, UUID, String?, SignInStore.CookieSession>(
        """
        WITH s AS MATERIALIZED (
            SELECT * FROM sessions WHERE workspace_id = $1 AND id = $2 AND cookie_hash IS NOT NULL
        )
        SELECT \(AccessRow.columns), u.status,
            (SELECT status FROM memberships WHERE workspace_id = $1 AND user_id = s.user_id AND app_id = $3),
            u.id, u.email, u.email_verified, u.name, u.image, u.status, u.created_at, u.updated_at,
            s.cookie_hash, s.ip, s.user_agent
        FROM s
        CROSS JOIN LATERAL (
            SELECT id, email, email_verified, name, image, status, created_at, updated_at
            FROM users
            WHERE workspace_id = $1 AND id = s.user_id
        ) u
        """
    ) { row throws(RowDecodingError) in
        SignInStore.CookieSession(
            facts: try AccessRow.decode(&row),
            user: try UserRow.decode(&row),
            cookieHash: try row.next([UInt8].self),
            address: try row.next(String?.self),
            userAgent: try row.next(String?.self)
        )
    }

    static let admit = Statement<UUID, UUID, String, Void>(
        """
        INSERT INTO memberships (workspace_id, user_id, app_id)
        VALUES ($1, $2, $3)
        ON CONFLICT (workspace_id, user_id, app_id) DO NOTHING
        """
    )

    static let standing = Statement<UUID, UUID, String, Membership.Status>(
        """
        SELECT status
        FROM memberships
        WHERE workspace_id = $1
            AND user_id = $2
            AND app_id = $3
        """
    ) { row throws(RowDecodingError) in try row.next(Membership.Status.self) }
}
