package import Domain
import FoundationEssentials
package import Postgres

/// What is sealed under a master key, to be sealed anew under another.
package struct SealedStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A sealed secret and where it belongs.
    package struct Sealed: Hashable, Sendable {
        /// Whose it is.
        package enum Owner: Hashable, Sendable {
            /// The private half of the key of this name.
            case signingKey(kid: String, algorithm: SigningAlgorithm)
            /// The secret of this id behind cookies and CSRF tokens.
            case browserSecret(id: String)
        }

        /// Whose it is.
        package let owner: Owner
        /// The sealed bytes.
        package let bytes: [UInt8]
    }

    /// Everything of a workspace that is sealed.
    ///
    /// One round trip.
    package func sealed(in workspaceID: Workspace.ID) async throws(PostgresError) -> [Sealed] {
        let (_, keys, secrets) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SealedStatements.keys.bind(workspaceID.raw),
            SealedStatements.secrets.bind(workspaceID.raw)
        )
        return keys + secrets
    }

    /// Puts `bytes` in the place of what was read; answers whether that was still there.
    ///
    /// One round trip. What was erased or changed meanwhile stays as it is.
    package func replace(
        _ old: Sealed,
        with bytes: [UInt8],
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Bool {
        let id = workspaceID.raw
        let enter = Tenant.enter.bind(workspaceID.text)
        switch old.owner {
        case .signingKey(let kid, _):
            let (_, replaced) = try await pool.pipeline(
                enter,
                SealedStatements.replaceKey.bind(id, kid, old.bytes, bytes)
            )
            return !replaced.isEmpty
        case .browserSecret(let secret):
            let (_, replaced) = try await pool.pipeline(
                enter,
                SealedStatements.replaceSecret.bind(id, secret, old.bytes, bytes)
            )
            return !replaced.isEmpty
        }
    }
}

enum SealedStatements {
    static let keys = Statement<UUID, SealedStore.Sealed>(
        """
        SELECT kid, algorithm, sealed_private_key
        FROM signing_keys
        WHERE workspace_id = $1
            AND sealed_private_key IS NOT NULL
        ORDER BY kid
        """
    ) { row throws(RowDecodingError) in
        SealedStore.Sealed(
            owner: .signingKey(
                kid: try row.next(String.self),
                algorithm: try row.next(SigningAlgorithm.self)
            ),
            bytes: try row.next([UInt8].self)
        )
    }

    static let secrets = Statement<UUID, SealedStore.Sealed>(
        """
        SELECT id, sealed
        FROM workspace_secrets
        WHERE workspace_id = $1
            AND purpose = 'browser'
        ORDER BY id
        """
    ) { row throws(RowDecodingError) in
        SealedStore.Sealed(
            owner: .browserSecret(id: try row.next(String.self)),
            bytes: try row.next([UInt8].self)
        )
    }

    static let replaceKey = Statement<UUID, String, [UInt8], [UInt8], Bool>(
        """
        UPDATE signing_keys
        SET sealed_private_key = $4
        WHERE workspace_id = $1
            AND kid = $2
            AND sealed_private_key = $3
        RETURNING true
        """
    ) { row throws(RowDecodingError) in try row.next(Bool.self) }

    static let replaceSecret = Statement<UUID, String, [UInt8], [UInt8], Bool>(
        """
        UPDATE workspace_secrets
        SET sealed = $4
        WHERE workspace_id = $1
            AND purpose = 'browser'
            AND id = $2
            AND sealed = $3
        RETURNING true
        """
    ) { row throws(RowDecodingError) in try row.next(Bool.self) }
}
