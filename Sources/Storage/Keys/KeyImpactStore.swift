package import Domain
package import FoundationEssentials
package import Postgres

/// What would be touched if a key were gone, for whoever thinks about it.
package struct KeyImpactStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What hangs on a key.
    package struct Impact: Hashable, Sendable {
        /// The key, without its private half.
        package let key: SigningKeyRecord
        /// Whether it signs now, waits, or neither.
        package let state: SigningKeyRecord.State
        /// The apps with live sessions that may hold a token of it.
        package let apps: [AppImpact]
        /// When the newest published key was published.
        package let newestPublishedAt: Date
        /// The first instant at which the newest key may sign, as far as caches go.
        package let newestKnownAt: Date
        /// The first instant at which this key can be gone with no token of it left, if it stopped signing now.
        package let goneAt: Date

        /// Live sessions in all; each app counts at most ``KeyImpactStore/most``.
        package var sessions: Int { apps.reduce(0) { $0 + $1.sessions } }
        /// When the last of them ends.
        package var latestExpiry: Date? { apps.compactMap(\.latestExpiry).max() }
    }

    /// What hangs on a key in one app.
    package struct AppImpact: Hashable, Sendable {
        /// The app.
        package let appID: ConnectedApp.ID
        /// Its live sessions that may hold a token of the key.
        package let sessions: Int
        /// When the last of them ends.
        package let latestExpiry: Date?
        /// When its address was last asked for the keys; give or take a minute.
        package let fetchedAt: Date?
    }

    /// Sessions counted for one app before counting stops.
    package static let most = 100_000

    /// A workspace's keys without their private halves, and the database's time.
    ///
    /// One round trip.
    package func keys(
        of workspaceID: Workspace.ID
    ) async throws(PostgresError) -> (keys: [SigningKeyRecord], now: Date) {
        let (_, keys, times) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            ConfigurationStatements.allPublicSigningKeys.bind(workspaceID.raw),
            KeyImpactStatements.times.bind()
        )
        return (keys, times.first?.now ?? Date())
    }

    /// What hangs on a key, or none when the workspace has no such key.
    ///
    /// Two round trips. Reads the apps' live sessions, at most ``most`` of each: not for every request of a page.
    package func impact(of kid: String, in workspaceID: Workspace.ID) async throws -> Impact? {
        let id = workspaceID.raw
        return try await pool.transaction(.repeatableRead, deadline: .seconds(30)) { transaction in
            let (_, keys, times) = try await transaction.pipeline(
                Tenant.enter.bind(workspaceID.text),
                ConfigurationStatements.allPublicSigningKeys.bind(id),
                KeyImpactStatements.times.bind()
            )
            guard let key = keys.first(where: { $0.kid == kid }), let times = times.first,
                let newest = keys.filter({ $0.compromisedAt == nil }).map(\.publishedAt).max()
            else { return nil }
            let until = min(key.retiresAt ?? times.now, times.now)
            let apps = try await transaction.query(
                KeyImpactStatements.apps.bind(id, key.activatesAt, until, Self.most)
            )
            let lifetime = TimeInterval(key.longestToken) + times.margin
            return Impact(
                key: key,
                state: key.state(at: times.now),
                apps: apps,
                newestPublishedAt: newest,
                newestKnownAt: newest + times.publication,
                goneAt: until + lifetime
            )
        }
    }
}

enum KeyImpactStatements {
    static let times = Statement<(publication: TimeInterval, margin: TimeInterval, now: Date)>(
        """
        SELECT extract(epoch FROM key_publication())::double precision,
            extract(epoch FROM key_margin())::double precision, now()
        """
    ) { row throws(RowDecodingError) in
        (
            publication: try row.next(Double.self), margin: try row.next(Double.self),
            now: try row.next(Date.self)
        )
    }

    /// A session is under a key when it began, or was refreshed, while the key signed.
    static let apps = Statement<UUID, Date, Date, Int, KeyImpactStore.AppImpact>(
        """
        SELECT apps.id, coalesce(live.count, 0), live.latest, jwks_fetches.fetched_at
        FROM apps
        LEFT JOIN LATERAL (
            SELECT count(*) AS count, max(expires_at) AS latest
            FROM (
                SELECT expires_at
                FROM sessions
                WHERE workspace_id = $1
                    AND app_id = apps.id
                    AND revoked_at IS NULL
                    AND expires_at > now()
                    AND created_at < $3
                    AND greatest(created_at, coalesce(rotated_at, created_at)) >= $2
                LIMIT $4
            ) AS counted
        ) AS live ON true
        LEFT JOIN jwks_fetches ON jwks_fetches.workspace_id = $1 AND jwks_fetches.app_id = apps.id
        WHERE apps.workspace_id = $1
        ORDER BY apps.id
        """
    ) { row throws(RowDecodingError) in
        KeyImpactStore.AppImpact(
            appID: ConnectedApp.ID(try row.next(String.self)),
            sessions: try row.next(Int.self),
            latestExpiry: try row.next(Date?.self),
            fetchedAt: try row.next(Date?.self)
        )
    }
}
