import Domain
import FoundationEssentials
import Postgres

/// Whoever knows a session's id compares its user by `IS NOT DISTINCT FROM` and joins the user to what is already
/// materialized: so no index by user can answer, and the plan goes by the primary key however many sessions a user has.
enum SessionStatements {
    static let access = Statement<UUID, UUID, UUID, String, (facts: AccessFacts, user: User?)>(
        """
        WITH s AS MATERIALIZED (
            SELECT * FROM sessions WHERE workspace_id = $1 AND id = $2 AND user_id IS NOT DISTINCT FROM $3
        )
        SELECT \(AccessRow.columns), u.status,
            (SELECT status FROM memberships WHERE workspace_id = $1 AND user_id = s.user_id AND app_id = $4),
            u.id, u.email, u.email_verified, u.name, u.image, u.status, u.created_at, u.updated_at
        FROM s
        CROSS JOIN LATERAL (
            SELECT id, email, email_verified, name, image, status, created_at, updated_at
            FROM users
            WHERE workspace_id = $1 AND id = s.user_id
        ) u
        """
    ) { row throws(RowDecodingError) in
        (facts: try AccessRow.decode(&row), user: try UserRow.decode(&row))
    }

    /// The conditions of the update are `RefreshPolicy.accepts` and `AccessPolicy.admit`, asked of the row as it is
    /// when it is locked: of many that come at once one moves the generation, the rest see it moved.
    static let refresh = Statement<
        UUID, UUID, UUID, String, Int, Date, Int, (facts: AccessFacts, taken: Int?)
    >(
        """
        WITH facts AS (
            SELECT \(AccessRow.columns) AS ended_above,
                (SELECT status FROM users WHERE workspace_id = $1 AND id = s.user_id) AS user_status,
                (SELECT status FROM memberships
                    WHERE workspace_id = $1 AND user_id = s.user_id AND app_id = $4) AS membership_status
            FROM sessions s
            WHERE s.workspace_id = $1
                AND s.id = $2
                AND s.user_id IS NOT DISTINCT FROM $3
                AND s.app_id IS NOT DISTINCT FROM $4
        ), taken AS (
            UPDATE sessions
            SET generation = CASE WHEN generation = $5::bigint THEN generation + 1 ELSE generation END,
                rotated_at = CASE WHEN generation = $5::bigint THEN $6 ELSE rotated_at END,
                last_used_at = greatest(last_used_at, $6)
            WHERE workspace_id = $1
                AND id = $2
                AND app_id IS NOT DISTINCT FROM $4
                AND revoked_at IS NULL
                AND $6 < expires_at
                AND $6 < last_used_at + make_interval(secs => idle_timeout)
                AND (generation = $5::bigint
                    OR (generation = $5::bigint + 1 AND $6 < rotated_at + make_interval(secs => $7::bigint)))
                AND EXISTS (
                    SELECT 1 FROM facts
                    WHERE NOT ended_above AND user_status = 'active' AND membership_status = 'active'
                )
            RETURNING generation
        )
        SELECT facts.*, taken.generation
        FROM facts
        LEFT JOIN taken ON true
        """
    ) { row throws(RowDecodingError) in
        (facts: try AccessRow.decode(&row), taken: try row.next(Int?.self))
    }

    static let touch = Statement<UUID, UUID, Date, Void>(
        """
        UPDATE sessions
        SET last_used_at = $3
        WHERE workspace_id = $1
            AND id = $2
            AND revoked_at IS NULL
            AND last_used_at < $3
        """
    )

    static let end = Statement<UUID, UUID, UUID, Date, String, UUID>(
        """
        UPDATE sessions
        SET revoked_at = $4, revoked_reason = $5
        WHERE workspace_id = $1
            AND user_id = $3
            AND (id = $2 OR $2 = ANY (ancestors))
            AND revoked_at IS NULL
        RETURNING id
        """
    ) { row throws(RowDecodingError) in try row.next(UUID.self) }

    static let live = Statement<UUID, UUID, String, Date, ListedSession>(
        """
        SELECT \(AccessRow.columns), s.ip, s.user_agent
        FROM sessions s
        WHERE s.workspace_id = $1
            AND s.user_id = $2
            AND s.app_id = $3
            AND s.revoked_at IS NULL
            AND $4 < s.expires_at
            AND $4 < s.last_used_at + make_interval(secs => s.idle_timeout)
            AND (cardinality(s.ancestors) = 0 OR NOT any_session_revoked($1, s.ancestors))
        ORDER BY s.id DESC
        LIMIT 1000
        """
    ) { row throws(RowDecodingError) in
        ListedSession(
            session: try AccessRow.session(&row),
            address: try row.next(String?.self),
            userAgent: try row.next(String?.self)
        )
    }
}
