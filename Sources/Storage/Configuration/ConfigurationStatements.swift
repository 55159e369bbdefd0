import Domain
import FoundationEssentials
import Postgres

enum ConfigurationStatements {
    static let epochs = Statement<WorkspaceEpoch>(
        """
        SELECT workspace_id, epoch
        FROM workspace_epochs
        """
    ) { row throws(RowDecodingError) in
        WorkspaceEpoch(workspaceID: Workspace.ID(try row.next(UUID.self)), epoch: try row.next(Int.self))
    }

    static let epoch = Statement<UUID, Int>(
        """
        SELECT epoch
        FROM workspace_epochs
        WHERE workspace_id = $1
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }

    static let workspace = Statement<UUID, Workspace>(
        """
        SELECT id, slug, issuer, status, auth_host, cookie_domain, require_app_identity, exchange_limit, sign_in_limit,
            failure_limit
        FROM workspaces
        WHERE id = $1
        """
    ) { row throws(RowDecodingError) in
        Workspace(
            id: Workspace.ID(try row.next(UUID.self)),
            slug: try row.next(String.self),
            issuer: try row.next(String.self),
            status: try row.next(Workspace.Status.self),
            authHost: try row.next(String?.self),
            cookieDomain: try row.next(String?.self),
            requireAppIdentity: try row.next(Bool.self),
            limits: WorkspaceLimits(
                exchangesPerMinute: try row.next(Int?.self),
                signInsPerMinute: try row.next(Int.self),
                failuresPerQuarterHour: try row.next(Int.self)
            )
        )
    }

    static let apps = Statement<UUID, ConnectedApp>(
        """
        SELECT id, client_id, name, audience, client_type, status, exchange_policy, signup_policy, access_expiration,
            refresh_expiration, session_timeout, refresh_payload,
            ARRAY(SELECT origin FROM app_origins WHERE workspace_id = $1 AND app_id = apps.id ORDER BY origin),
            ARRAY(SELECT group_id FROM sso_group_apps WHERE workspace_id = $1 AND app_id = apps.id ORDER BY group_id)
        FROM apps
        WHERE workspace_id = $1
        """
    ) { row throws(RowDecodingError) in
        ConnectedApp(
            id: ConnectedApp.ID(try row.next(String.self)),
            clientID: try row.next(String.self),
            name: try row.next(String.self),
            audience: try row.next(String.self),
            clientType: try row.next(ConnectedApp.ClientType.self),
            status: try row.next(ConnectedApp.Status.self),
            exchangePolicy: try row.next(ConnectedApp.ExchangePolicy.self),
            signupPolicy: try row.next(ConnectedApp.SignupPolicy.self),
            lifetimes: ConnectedApp.Lifetimes(
                access: try row.next(Int.self),
                refresh: try row.next(Int.self),
                idle: try row.next(Int.self)
            ),
            refreshPayload: try row.next(Bool.self),
            origins: try row.next([String].self),
            groups: Set(try row.next([String].self).map { SSOGroup.ID($0) })
        )
    }

    static let groups = Statement<UUID, SSOGroup>(
        """
        SELECT id, name
        FROM sso_groups
        WHERE workspace_id = $1
        """
    ) { row throws(RowDecodingError) in
        SSOGroup(id: SSOGroup.ID(try row.next(String.self)), name: try row.next(String.self))
    }

    static let apiKeys = Statement<UUID, APIKey>(
        """
        SELECT id, kind, app_id, secret_hash, source_apps, target_apps, networks::text[], expires_at, revoked_at
        FROM api_keys
        WHERE workspace_id = $1
            AND revoked_at IS NULL
        """
    ) { row throws(RowDecodingError) in
        APIKey(
            id: APIKey.ID(try row.next(UUID.self)),
            kind: try row.next(APIKey.Kind.self),
            appID: try row.next(String?.self).map { ConnectedApp.ID($0) },
            secretHash: try row.next([UInt8].self),
            sourceApps: try row.next([String]?.self).map { Set($0.map { ConnectedApp.ID($0) }) },
            targetApps: try row.next([String]?.self).map { Set($0.map { ConnectedApp.ID($0) }) },
            networks: try row.next([String]?.self),
            expiresAt: try row.next(Date?.self),
            revokedAt: try row.next(Date?.self)
        )
    }

    static let signingKeys = Statement<UUID, SigningKeyRecord>(
        """
        SELECT \(KeyRow.columns)
        FROM signing_keys
        WHERE workspace_id = $1
            AND (expires_at IS NULL OR expires_at > now())
        ORDER BY activates_at, kid
        """
    ) { row throws(RowDecodingError) in try KeyRow.decode(&row) }

    /// For a role that may not see private keys.
    static let publicSigningKeys = Statement<UUID, SigningKeyRecord>(
        """
        SELECT \(PublicKeyRow.columns)
        FROM signing_keys
        WHERE workspace_id = $1
            AND (expires_at IS NULL OR expires_at > now())
        ORDER BY activates_at, kid
        """
    ) { row throws(RowDecodingError) in try KeyRow.decode(&row) }

    /// As above, with those that are gone.
    static let allPublicSigningKeys = Statement<UUID, SigningKeyRecord>(
        """
        SELECT \(PublicKeyRow.columns)
        FROM signing_keys
        WHERE workspace_id = $1
        ORDER BY activates_at, kid
        """
    ) { row throws(RowDecodingError) in try KeyRow.decode(&row) }

    static let browserSecret = Statement<UUID, StoredSecret>(
        """
        SELECT id, sealed
        FROM workspace_secrets
        WHERE workspace_id = $1
            AND purpose = 'browser'
        ORDER BY created_at DESC
        LIMIT 1
        """
    ) { row throws(RowDecodingError) in
        StoredSecret(id: try row.next(String.self), sealed: try row.next([UInt8].self))
    }
}
