import Domain
import FoundationEssentials
import Postgres

enum ExchangeStatements {
    /// Reads the standing and records the session, at one instant.
    ///
    /// `admissible` repeats the rules of `ExchangePolicy` that depend on the standing: a test runs both over every
    /// combination and fails when they differ. The look-ups are scalar subqueries on primary keys because the plan
    /// is made once, without knowing the values, and a join would let it scan. Neither may the user lead to the
    /// session, see `SessionStatements`.
    static let record = Statement<
        UUID, UUID, UUID, String, String, Date, Bool, Bool, UUID, UUID, Int, Int, String?, String?, Int?,
        ExchangeStore.Outcome
    >(
        """
        WITH source AS (
            SELECT id, user_id, app_id, ancestors, authenticated_at, amr, scope, generation, rotated_at, created_at,
                last_used_at, expires_at, idle_timeout, revoked_at,
                CASE WHEN cardinality(ancestors) = 0 THEN false ELSE any_session_revoked($1, ancestors) END AS ended_above
            FROM sessions
            WHERE workspace_id = $1
                AND id = $2
                AND user_id IS NOT DISTINCT FROM $3
        ), facts AS (
            SELECT source.*,
                (SELECT status FROM users WHERE workspace_id = $1 AND id = source.user_id) AS user_status,
                (SELECT status FROM memberships
                    WHERE workspace_id = $1 AND user_id = source.user_id AND app_id = $4) AS source_status,
                (SELECT status FROM memberships
                    WHERE workspace_id = $1 AND user_id = source.user_id AND app_id = $5) AS target_status,
                CASE WHEN $15::bigint IS NULL THEN 0 ELSE coalesce((SELECT count FROM rate_windows
                    WHERE workspace_id = $1 AND subject = 'exchange'
                        AND window_start = date_trunc('minute', $6, 'UTC')), 0) END AS exchanges
            FROM source
        ), admissible AS (
            SELECT *
            FROM facts
            WHERE $7
                AND revoked_at IS NULL
                AND NOT ended_above
                AND $6 < expires_at
                AND $6 < last_used_at + make_interval(secs => idle_timeout)
                AND user_status = 'active'
                AND source_status = 'active'
                AND cardinality(ancestors) < 8
                AND (target_status = 'active' OR (target_status IS NULL AND $8))
                AND ($15::bigint IS NULL OR exchanges <= $15::bigint)
        ), joined AS (
            INSERT INTO memberships (workspace_id, user_id, app_id)
            SELECT $1, user_id, $5
            FROM admissible
            WHERE target_status IS NULL
            ON CONFLICT (workspace_id, user_id, app_id) DO NOTHING
        ), recorded AS (
            INSERT INTO sessions (workspace_id, id, user_id, app_id, ancestors, api_key_id, authenticated_at, amr,
                scope, ip, user_agent, created_at, last_used_at, expires_at, idle_timeout)
            SELECT $1, $9, user_id, $5, ancestors || id, $10, authenticated_at, amr,
                scope, $13, $14, $6, $6, least($6 + make_interval(secs => $11::bigint), expires_at), $12::bigint
            FROM admissible
            RETURNING expires_at
        )
        SELECT facts.id, facts.user_id, facts.app_id, facts.ancestors, facts.authenticated_at, facts.amr, facts.scope,
            facts.generation, facts.rotated_at, facts.created_at, facts.last_used_at, facts.expires_at,
            facts.idle_timeout, facts.revoked_at, facts.ended_above, facts.user_status, facts.source_status,
            facts.target_status, facts.exchanges, recorded.expires_at
        FROM facts
        LEFT JOIN recorded ON true
        """
    ) { row throws(RowDecodingError) in
        let source = try AccessRow.decode(&row)
        return ExchangeStore.Outcome(
            standing: ExchangeFacts.Standing(
                source: source,
                target: try row.next(Membership.Status?.self),
                exchangesThisMinute: try row.next(Int.self)
            ),
            recordedUntil: try row.next(Date?.self)
        )
    }
}
