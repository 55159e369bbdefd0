import Domain
import Foundation
import Postgres

/// A workspace with a key in every state: one signs, two and new follow, old still verifies.
func keyScene(_ installation: Installation) async throws -> Workspace.ID {
    let workspace = try await installation.workspace()
    _ = try await installation.app("studio", in: workspace)
    try await installation.runUnguarded(
        """
        INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, sealed_private_key, published_at,
            activates_at, retires_at, expires_at, compromised_at, haste, longest_token)
        SELECT '\(workspace.text)', kid || '-0000-0000-0000', 'RS256', '', sealed, now() + published::interval,
            now() + activates::interval, now() + retires::interval, now() + expires::interval,
            now() + compromised::interval, haste, 604800
        FROM (VALUES
            ('gone', NULL::bytea, '-90 days', '-80 days', '-60 days', '-20 days', NULL::interval, 'first'),
            ('bad', NULL, '-80 days', '-60 days', NULL, NULL, '-50 days', NULL),
            ('old', 'x', '-60 days', '-50 days', '-2 minutes', '20 days', NULL, NULL),
            ('one', 'x', '-50 days', '-2 minutes', '30 days', '30 days 604860 seconds', NULL, 'emergency'),
            ('two', 'x', '-1 day', '30 days', '60 days', '90 days', NULL, NULL),
            ('new', 'x', '0', '60 days', NULL, NULL, NULL, NULL)
        ) AS given (kid, sealed, published, activates, retires, expires, compromised, haste)
        """,
        in: workspace
    )
    return workspace
}

/// The standby takes over at once.
let swap =
    set("two", "activates_at = now()") + ";"
    + set("one", "retires_at = now(), expires_at = now() + interval '604860 s'")

func set(_ name: String, _ change: String) -> String {
    "UPDATE signing_keys SET \(change) WHERE kid = '\(name)-0000-0000-0000'"
}

func remove(_ name: String) -> String {
    "DELETE FROM signing_keys WHERE kid = '\(name)-0000-0000-0000'"
}

/// A further key, published now unless told otherwise.
func insert(published: String = "now()", activates: String, haste: String = "NULL") -> String {
    """
    INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, sealed_private_key, published_at, activates_at,
        haste)
    VALUES ('$id', 'further-0000-0000', 'RS256', '', 'x', \(published), \(activates), \(haste))
    """
}

/// Each key ends where the next begins, as the worker leaves them.
let inLine = """
    ; UPDATE signing_keys
    SET retires_at = following, expires_at = following + make_interval(secs => longest_token) + key_margin()
    FROM (
        SELECT kid, lead(activates_at) OVER (ORDER BY activates_at) AS following
        FROM signing_keys
        WHERE compromised_at IS NULL AND sealed_private_key IS NOT NULL
            AND (retires_at IS NULL OR retires_at > greatest(activates_at, now()))
    ) AS chain
    WHERE chain.kid = signing_keys.kid AND retires_at IS DISTINCT FROM following
    """
