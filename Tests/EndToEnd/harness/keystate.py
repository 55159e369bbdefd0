"""What a workspace's keys have come to, in a form that two runs can be compared by: no names, no instants."""

from cryptography.hazmat.primitives import serialization

from .tokens import opened

# Each key by its place in the order in which they sign.
KEYS = """
    SELECT array_agg((
            algorithm,
            CASE
                WHEN compromised_at IS NOT NULL THEN 'compromised'
                WHEN expires_at <= now() THEN 'retired'
                WHEN retires_at <= now() THEN 'retiring'
                WHEN activates_at <= now() THEN 'active'
                ELSE 'staged'
            END,
            coalesce(haste, ''),
            sealed_private_key IS NOT NULL,
            retires_at IS NOT NULL,
            expires_at = retires_at + make_interval(secs => longest_token) + key_margin(),
            retires_at IS NOT DISTINCT FROM following
        )::text ORDER BY activates_at)
    FROM (
        SELECT *, lead(activates_at) OVER (PARTITION BY workspace_id ORDER BY activates_at) AS following
        FROM signing_keys
    ) AS keys
    WHERE workspace_id = %s
"""

REST = """
    SELECT
        (SELECT count(*) FROM workspace_secrets WHERE workspace_id = workspaces.id),
        (SELECT epoch FROM workspace_epochs WHERE workspace_id = workspaces.id),
        (SELECT array_agg(action ORDER BY sequence) FROM audit_log WHERE workspace_id = workspaces.id),
        (SELECT (next_step, next_at <= now(), claimed_until IS NOT NULL)::text FROM key_schedule
            WHERE workspace_id = workspaces.id),
        (SELECT array_agg((kind, outcome, epoch, sessions_revoked, revoke_after IS NULL)::text ORDER BY requested_at)
            FROM key_requests WHERE workspace_id = workspaces.id),
        (SELECT count(*) FROM sessions WHERE workspace_id = workspaces.id AND revoked_at IS NULL),
        (SELECT count(*) FROM pg_inherits WHERE inhparent = 'sessions'::regclass)
    FROM workspaces
    WHERE workspaces.id = %s
"""

# Every workspace that breaks a rule, and which.
BROKEN = """
    SELECT workspace_id, rule
    FROM (
        SELECT workspace_id,
            count(*) FILTER (WHERE usable AND activates_at <= now()) AS signing,
            count(*) FILTER (WHERE usable AND activates_at > now()) AS staged,
            count(*) FILTER (WHERE haste = 'first') AS first,
            bool_or(haste IS NULL AND activates_at < published_at + key_publication()) AS early,
            bool_or(expires_at < retires_at + make_interval(secs => longest_token) + key_margin()) AS short,
            bool_or(compromised_at IS NOT NULL AND sealed_private_key IS NOT NULL) AS leaking,
            bool_or(sealed_private_key IS NOT NULL AND retires_at + key_margin() <= now()) AS late,
            bool_or(kid !~ '^[0-9a-f-]{36}_[0-9]{10}$') AS nameless
        FROM (
            SELECT *, compromised_at IS NULL AND sealed_private_key IS NOT NULL
                AND (retires_at IS NULL OR retires_at > greatest(activates_at, now())) AS usable
            FROM signing_keys
        ) AS keys
        GROUP BY workspace_id
    ) AS seen
    CROSS JOIN LATERAL (VALUES
        (signing <> 1, 'not exactly one key signs'),
        (staged > 1, 'two keys wait for their turn'),
        (%s AND staged <> 1, 'no key waits for its turn'),
        (first > 1, 'two first keys'),
        (early, 'signs before relying parties have it'),
        (short, 'gone before its last token'),
        (leaking, 'a compromised private half'),
        (%s AND late, 'a private half past its time'),
        (nameless, 'a name that is none')
    ) AS rules (is_broken, rule)
    WHERE is_broken
"""


def state_of(database, workspace):
    """Everything a run of the worker may change of one workspace."""
    return database.rows(KEYS, workspace.uuid) + database.rows(REST, workspace.uuid)


def assert_sound(database, workspace, master_key, settled=True):
    """The rules of the schema, asked of the rows; settled, there is also nothing left to do."""
    assert database.rows(BROKEN, settled, settled) == []
    names = [workspace.id, str(workspace.uuid)]
    for kid, algorithm, public, sealed in database.rows(
        "SELECT kid, algorithm, public_key, sealed_private_key FROM signing_keys WHERE workspace_id = %s",
        workspace.uuid,
    ):
        serialization.load_der_public_key(bytes(public))
        if sealed is not None:
            half = opened(kid, algorithm, bytes(sealed), names, master_key).public_key()
            whole = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            assert half.public_bytes(*whole) == bytes(public), kid
