import FoundationEssentials
import Postgres

/// A group as operators see it, with its apps.
enum GroupRow {
    static let columns = """
        json_build_object(
            'id', sso_groups.id, 'name', name,
            'apps', ARRAY(SELECT app_id FROM sso_group_apps
                WHERE sso_group_apps.workspace_id = $1 AND group_id = sso_groups.id ORDER BY app_id),
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

/// A group in a list: its apps are counted only.
enum GroupListRow {
    static let columns = """
        json_build_object(
            'id', sso_groups.id, 'name', name,
            'appCount', (SELECT count(*) FROM sso_group_apps
                WHERE sso_group_apps.workspace_id = $1 AND group_id = sso_groups.id),
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

enum GroupStatements {
    static let list = Statement<UUID, String, Int, String?, String?, Page.Item>(
        """
        SELECT \(GroupListRow.columns), id
        FROM sso_groups
        WHERE workspace_id = $1
            AND id > $2
            AND ($4 IS NULL OR starts_with(lower(id), $4)
                OR lower(name) COLLATE "C" >= $4 AND lower(name) COLLATE "C" < $5)
        ORDER BY id
        LIMIT $3
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, String, String>(
        """
        SELECT \(GroupRow.columns)
        FROM sso_groups
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, String, String>(
        """
        SELECT \(GroupRow.columns)
        FROM sso_groups
        WHERE workspace_id = $1
            AND id = $2
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let insert = Statement<UUID, String, String, Void>(
        """
        INSERT INTO sso_groups (workspace_id, id, name)
        VALUES ($1, $2, $3)
        """
    )

    static let rename = Statement<UUID, String, String, Void>(
        """
        UPDATE sso_groups
        SET name = $3, updated_at = clock_timestamp()
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let add = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO sso_group_apps (workspace_id, group_id, app_id)
        SELECT $1, $2, app_id
        FROM unnest($3) AS given (app_id)
        ON CONFLICT DO NOTHING
        """
    )

    static let isIn = Statement<UUID, String, String, Bool>(
        """
        SELECT EXISTS (
            SELECT FROM sso_group_apps
            WHERE workspace_id = $1
                AND group_id = $2
                AND app_id = $3
        )
        """
    ) { row throws(RowDecodingError) in try row.next(Bool.self) }

    static let take = Statement<UUID, String, String, Void>(
        """
        DELETE FROM sso_group_apps
        WHERE workspace_id = $1
            AND group_id = $2
            AND app_id = $3
        """
    )

    static let held = Statement<UUID, String, Int>(
        """
        SELECT count(*)
        FROM sso_group_apps
        WHERE workspace_id = $1
            AND group_id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let delete = Statement<UUID, String, Void>(
        """
        DELETE FROM sso_groups
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let liveSessions = Statement<UUID, [String], (app: String, count: Int)>(
        """
        SELECT app_id, (
            SELECT count(*)
            FROM (
                SELECT FROM sessions
                WHERE sessions.workspace_id = $1
                    AND sessions.app_id = asked.app_id
                    AND revoked_at IS NULL
                    AND expires_at > now()
                LIMIT 100000
            ) AS counted
        )
        FROM unnest($2) AS asked (app_id)
        """
    ) { row throws(RowDecodingError) in (app: try row.next(String.self), count: try row.next(Int.self)) }
}
