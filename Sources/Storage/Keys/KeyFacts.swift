package import Domain
import FoundationEssentials
import Postgres

/// What the worker knows of a workspace when it looks at its keys.
package struct KeyFacts: Sendable {
    /// The workspace.
    package let workspaceID: Workspace.ID
    /// Its name in paths, for people.
    package let slug: String
    /// What its rotation is planned from, at the database's clock.
    package let rotation: RotationFacts
    /// Whether it has the secret behind cookies and CSRF tokens.
    package let hasBrowserSecret: Bool
}

/// A workspace's own row as far as keys are concerned.
struct KeyPolicyRow: Sendable {
    let slug: String
    let policy: RotationPolicy
    let hasBrowserSecret: Bool
    let windows: KeyWindows
    let now: Date

    func facts(
        of workspaceID: Workspace.ID,
        keys: [SigningKeyRecord],
        requests: [KeyRequest]
    ) -> KeyFacts {
        KeyFacts(
            workspaceID: workspaceID,
            slug: slug,
            rotation: RotationFacts(
                keys: keys,
                policy: policy,
                jitter: policy.jitter(of: workspaceID),
                requests: requests,
                windows: windows,
                now: now
            ),
            hasBrowserSecret: hasBrowserSecret
        )
    }
}

enum KeyFactsStatements {
    static let policy = Statement<UUID, KeyPolicyRow>(
        """
        SELECT slug, rotation_interval, rotation_lead, signing_algorithm, rsa_bits,
            EXISTS (SELECT 1 FROM workspace_secrets WHERE workspace_id = $1 AND purpose = 'browser'),
            extract(epoch FROM key_publication())::double precision,
            extract(epoch FROM key_margin())::double precision,
            now()
        FROM workspaces
        WHERE id = $1
        """
    ) { row throws(RowDecodingError) in
        KeyPolicyRow(
            slug: try row.next(String.self),
            policy: RotationPolicy(
                interval: try row.next(Int.self),
                lead: try row.next(Int.self),
                algorithm: try row.next(SigningAlgorithm.self),
                rsaBits: try row.next(Int.self)
            ),
            hasBrowserSecret: try row.next(Bool.self),
            windows: KeyWindows(
                publication: try row.next(Double.self),
                margin: try row.next(Double.self)
            ),
            now: try row.next(Date.self)
        )
    }

    static let keys = Statement<UUID, SigningKeyRecord>(
        """
        SELECT \(KeyRow.columns)
        FROM signing_keys
        WHERE workspace_id = $1
        ORDER BY activates_at, kid
        """
    ) { row throws(RowDecodingError) in try KeyRow.decode(&row) }

    /// Keys before the epoch: whoever changes both locks them in this order.
    static let lockedKeys = Statement<UUID, SigningKeyRecord>(
        """
        SELECT \(KeyRow.columns)
        FROM signing_keys
        WHERE workspace_id = $1
        ORDER BY activates_at, kid
        FOR UPDATE
        """
    ) { row throws(RowDecodingError) in try KeyRow.decode(&row) }

    static let requests = Statement<UUID, KeyRequest>(
        """
        SELECT id, kind, kid, sessions
        FROM key_requests
        WHERE workspace_id = $1
            AND decided_at IS NULL
        ORDER BY requested_at, id
        """
    ) { row throws(RowDecodingError) in
        let id = KeyRequest.ID(try row.next(UUID.self))
        let kind = try row.next(RequestKind.self)
        let kid = try row.next(String?.self)
        return KeyRequest(id: id, wish: kind.wish(kid: kid), sessions: try row.next(KeyRequest.Sessions.self))
    }
}

/// How a wish is stored.
enum RequestKind: String, Sendable {
    case rotate
    case rotateAtOnce = "rotate_at_once"
    case compromise

    init(_ wish: KeyRequest.Wish) {
        switch wish {
        case .rotate: self = .rotate
        case .rotateAtOnce: self = .rotateAtOnce
        case .compromise: self = .compromise
        }
    }

    func wish(kid: String?) -> KeyRequest.Wish {
        switch self {
        case .rotate: .rotate
        case .rotateAtOnce: .rotateAtOnce
        // The database has a key's name with every such request.
        case .compromise: .compromise(kid: kid ?? "")
        }
    }
}

extension KeyRequest.Wish {
    var kid: String? {
        if case .compromise(let kid) = self { kid } else { nil }
    }
}

extension RequestKind: PostgresDecodable {}
