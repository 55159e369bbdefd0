import Domain
import FoundationEssentials
import Postgres

/// An app as operators see it.
enum ApplicationRow {
    static let columns = """
        json_build_object(
            'id', apps.id, 'clientId', client_id, 'name', name, 'audience', audience, 'clientType', client_type,
            'status', status, 'exchangePolicy', exchange_policy, 'signupPolicy', signup_policy,
            'accessExpiration', access_expiration, 'refreshExpiration', refresh_expiration,
            'sessionTimeout', session_timeout, 'refreshPayload', refresh_payload,
            'origins', ARRAY(SELECT origin FROM app_origins
                WHERE app_origins.workspace_id = $1 AND app_id = apps.id ORDER BY origin),
            'redirectUris', ARRAY(SELECT redirect_uri FROM app_redirect_uris
                WHERE app_redirect_uris.workspace_id = $1 AND app_id = apps.id ORDER BY redirect_uri),
            'ssoGroups', ARRAY(SELECT group_id FROM sso_group_apps
                WHERE sso_group_apps.workspace_id = $1 AND app_id = apps.id ORDER BY group_id),
            'clientSecretOverlapUntil', CASE WHEN previous_client_secret_until > now()
                THEN to_char(previous_client_secret_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
            'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'updatedAt', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """
}

enum ApplicationStatements {
    static let list = Statement<UUID, String, Int, Page.Item>(
        """
        SELECT \(ApplicationRow.columns), id
        FROM apps
        WHERE workspace_id = $1
            AND id > $2
        ORDER BY id
        LIMIT $3
        """,
        decode: Page.Item.decode
    )

    /// Names and ids that begin so: a few are found by one index each; where there are many, so are the first of them
    /// by going through all.
    static let search = Statement<UUID, String, Int, String, String, Page.Item>(
        """
        WITH named AS MATERIALIZED (
            SELECT id
            FROM apps
            WHERE workspace_id = $1 AND lower(name) COLLATE "C" >= $4 AND lower(name) COLLATE "C" < $5
            LIMIT 500
        ), called AS MATERIALIZED (
            SELECT id
            FROM apps
            WHERE workspace_id = $1 AND lower(id) COLLATE "C" >= $4 AND lower(id) COLLATE "C" < $5
            LIMIT 500
        ), size AS MATERIALIZED (
            SELECT greatest((SELECT count(*) FROM named), (SELECT count(*) FROM called)) < 500 AS is_small
        ), chosen AS MATERIALIZED (
            (
                SELECT id
                FROM (SELECT id FROM named UNION SELECT id FROM called) AS few
                WHERE (SELECT is_small FROM size) AND id > $2
                ORDER BY id
                LIMIT $3
            )
            UNION ALL
            (
                SELECT id
                FROM apps
                WHERE NOT (SELECT is_small FROM size)
                    AND workspace_id = $1
                    AND id > $2
                    AND (lower(name) COLLATE "C" >= $4 AND lower(name) COLLATE "C" < $5
                        OR lower(id) COLLATE "C" >= $4 AND lower(id) COLLATE "C" < $5)
                ORDER BY id
                LIMIT $3
            )
        )
        SELECT \(ApplicationRow.columns), id
        FROM apps
        WHERE workspace_id = $1
            AND id IN (SELECT chosen.id FROM chosen)
        ORDER BY id
        """,
        decode: Page.Item.decode
    )

    static let find = Statement<UUID, String, String>(
        """
        SELECT \(ApplicationRow.columns)
        FROM apps
        WHERE workspace_id = $1
            AND id = $2
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let lock = Statement<UUID, String, String>(
        """
        SELECT \(ApplicationRow.columns)
        FROM apps
        WHERE workspace_id = $1
            AND id = $2
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    static let insert = Statement<UUID, String, String, [UInt8]?, Void>(
        """
        INSERT INTO apps (workspace_id, id, client_id, name, audience, client_secret_hash)
        VALUES ($1, $2, $3, $2, $2, $4)
        """
    )

    /// Sets the columns that the JSON names and leaves the others.
    static let update = Statement<UUID, String, String, Void>(
        """
        UPDATE apps
        SET (name, audience, client_type, status, exchange_policy, signup_policy, access_expiration,
                refresh_expiration, session_timeout, refresh_payload) = (
                SELECT name, audience, client_type, status, exchange_policy, signup_policy, access_expiration,
                    refresh_expiration, session_timeout, refresh_payload
                FROM jsonb_populate_record(apps, $3::text::jsonb)
            ),
            client_secret_hash = CASE WHEN coalesce($3::text::jsonb ->> 'client_type', client_type) = 'web'
                THEN client_secret_hash END,
            updated_at = clock_timestamp()
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let rotateSecret = Statement<UUID, String, [UInt8], Int, Void>(
        """
        UPDATE apps
        SET client_secret_hash = $3,
            previous_client_secret_hash = CASE WHEN $4 > 0 THEN client_secret_hash END,
            previous_client_secret_until = CASE WHEN $4 > 0 AND client_secret_hash IS NOT NULL
                THEN now() + make_interval(secs => $4) END,
            updated_at = clock_timestamp()
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let delete = Statement<UUID, String, Void>(
        """
        DELETE FROM apps
        WHERE workspace_id = $1
            AND id = $2
        """
    )

    static let hold = Statement<UUID, String, ApplicationStore.Hold>(
        """
        SELECT
            (SELECT count(*) FROM (
                SELECT FROM memberships WHERE workspace_id = $1 AND app_id = $2 LIMIT 100000
            ) AS members),
            (SELECT count(*) FROM (
                SELECT FROM sessions
                WHERE workspace_id = $1 AND app_id = $2 AND revoked_at IS NULL AND expires_at > now() LIMIT 100000
            ) AS live)
        """
    ) { row throws(RowDecodingError) in
        ApplicationStore.Hold(members: try row.next(Int.self), sessions: try row.next(Int.self))
    }

    static let removeOrigins = Statement<UUID, String, [String], Void>(
        """
        DELETE FROM app_origins
        WHERE workspace_id = $1
            AND app_id = $2
            AND origin <> ALL ($3)
        """
    )

    static let addOrigins = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO app_origins (workspace_id, app_id, origin)
        SELECT $1, $2, origin
        FROM unnest($3) AS given (origin)
        WHERE NOT EXISTS (
            SELECT FROM app_origins AS known
            WHERE known.workspace_id = $1 AND known.app_id = $2 AND known.origin = given.origin
        )
        """
    )

    static let removeRedirectURIs = Statement<UUID, String, [String], Void>(
        """
        DELETE FROM app_redirect_uris
        WHERE workspace_id = $1
            AND app_id = $2
            AND redirect_uri <> ALL ($3)
        """
    )

    static let addRedirectURIs = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO app_redirect_uris (workspace_id, app_id, redirect_uri)
        SELECT $1, $2, redirect_uri
        FROM unnest($3) AS given (redirect_uri)
        ON CONFLICT DO NOTHING
        """
    )

    static let leaveGroups = Statement<UUID, String, [String], Void>(
        """
        DELETE FROM sso_group_apps
        WHERE workspace_id = $1
            AND app_id = $2
            AND group_id <> ALL ($3)
        """
    )

    static let joinGroups = Statement<UUID, String, [String], Void>(
        """
        INSERT INTO sso_group_apps (workspace_id, group_id, app_id)
        SELECT $1, group_id, $2
        FROM unnest($3) AS given (group_id)
        ON CONFLICT DO NOTHING
        """
    )
}
