import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `Keeping house` {
    @Test func `drops a partition of sessions an hour after its last one ended, and no other`() async throws {
        try await withInstallation { installation in
            let store = HousekeepingStore(pool: installation.rotator)
            let workspace = try await installation.workspace()
            let user = try await installation.user(in: workspace)
            // Weeks long past, of which each partition has one session.
            for (days, ends) in [(28, before(7_200)), (21, after(60)), (14, before(60))] {
                let began = before(TimeInterval(days) * 86_400)
                try await installation.run(
                    "SELECT ensure_session_partitions(current_date - \(days), current_date - \(days))"
                )
                try await installation.insert([
                    Seed.session(
                        Session(
                            id: Session.ID(UUID.v7(at: began)),
                            userID: user,
                            appID: nil,
                            authenticatedAt: began,
                            methods: [],
                            createdAt: began,
                            lastUsedAt: began,
                            expiresAt: ends,
                            idleTimeout: 60
                        ),
                        in: workspace
                    )
                ])
            }
            #expect(try await !store.dropSessionPartition())
            for _ in 0..<3 { #expect(try await store.measureSessionPartition()) }
            #expect(try await !store.measureSessionPartition())
            #expect(try await store.partitionsToDrop() == 1)
            #expect(try await store.dropSessionPartition())
            #expect(try await !store.dropSessionPartition())
            #expect(try await installation.number("SELECT count(*) FROM sessions") == 2)
            #expect(try await store.partitionsToDrop() == 0)
        }
    }

    @Test func `gives up at once when somebody uses the table, and drops the partition later`() async throws {
        try await withInstallation { installation in
            let store = HousekeepingStore(pool: installation.rotator)
            try await installation.run(
                "SELECT ensure_session_partitions(current_date - 14, current_date - 14)"
            )
            #expect(try await store.measureSessionPartition())
            let started = ContinuousClock.now
            let state = try await installation.superuser.transaction { other in
                try await other.execute(script: "SELECT FROM sessions")
                return try await sqlState { _ = try await store.dropSessionPartition() }
            }
            #expect(state == .lockNotAvailable)
            #expect(ContinuousClock.now - started < .seconds(5))
            #expect(try await store.dropSessionPartition())
        }
    }

    @Test func `prunes what is past its time in batches, over all workspaces, and nothing younger`()
        async throws
    {
        try await withInstallation { installation in
            let store = HousekeepingStore(pool: installation.rotator)
            for _ in 0..<2 {
                let workspace = try await installation.workspace()
                try await installation.run(
                    """
                    INSERT INTO rate_windows
                    SELECT '\(workspace.text)', 's', now() - make_interval(mins => 30 * n), 1 FROM generate_series(0, 9) n;
                    UPDATE changes SET at = now() - interval '49 hours';
                    INSERT INTO audit_log
                    VALUES ('\(workspace.text)', 0, now(), 'a', 'a.b', 's', NULL, NULL, NULL, '', '');
                    UPDATE audit_log SET at = now() - interval '40 days';
                    INSERT INTO sso_groups (workspace_id, id, name) VALUES ('\(workspace.text)', 'g', 'g')
                    """,
                    in: workspace
                )
            }
            try await installation.run(
                "INSERT INTO nodes VALUES (gen_random_uuid(), 'sso-admin', 'h', now(), now() - interval '2 days')"
            )
            #expect(try await store.prune(.rateWindows, auditDays: 400, batch: 5) == 5)
            #expect(try await store.prune(.rateWindows, auditDays: 400, batch: 100) == 11)
            #expect(try await store.prune(.changes, auditDays: 400, batch: 100) >= 2)
            #expect(try await installation.number("SELECT count(*) FROM changes") == 1)
            #expect(try await store.prune(.auditLog, auditDays: 400, batch: 100) == 0)
            #expect(try await store.prune(.auditLog, auditDays: 35, batch: 100) == 2)
            #expect(try await store.prune(.nodes, auditDays: 400, batch: 100) == 1)
        }
    }

    @Test
    func `ends a transaction that does nothing while the queue of notifications fills, and no other session`()
        async throws
    {
        try await withInstallation { installation in
            let store = HousekeepingStore(pool: installation.rotator)
            let ended = try await sqlState {
                try await installation.exchange.transaction { idle in
                    try await idle.execute(script: "SELECT 1")
                    #expect(try await store.endStuckListeners(patience: 1, usage: 0.5) == 0)
                    #expect(
                        try await eventually {
                            try await store.endStuckListeners(patience: 1, usage: -1) == 1
                        }
                    )
                    try await idle.execute(script: "SELECT 1")
                }
            }
            #expect(ended != nil)
        }
    }
}

@Suite struct `What is sealed` {
    @Test func `is replaced only in the place of what was read`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let store = SealedStore(pool: installation.rotator)
            let sealed = try await store.sealed(in: workspace)
            #expect(sealed.count == 3)
            for secret in sealed {
                #expect(try await store.replace(secret, with: [9, 9], in: workspace))
                #expect(try await !store.replace(secret, with: [8, 8], in: workspace))
            }
            #expect(try await store.sealed(in: workspace).allSatisfy { $0.bytes == [9, 9] })
        }
    }
}

@Suite struct `The impact of a key` {
    @Test func `counts the live sessions under it by app, and who has fetched the newest key`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let studio = try await installation.app("studio", in: workspace)
            _ = try await installation.app("other", in: workspace)
            let user = try await installation.user(in: workspace, memberOf: [(studio, .active)])
            try await installation.runUnguarded(
                """
                UPDATE signing_keys
                SET published_at = now() - interval '1 day', activates_at = now() - interval '1 day'
                WHERE activates_at <= now()
                """,
                in: workspace
            )
            try await installation.add(
                session(of: user, in: studio),
                session(of: user, in: studio, revokedAt: now),
                session(of: user, in: studio, expiresAt: before(1)),
                in: workspace
            )
            let fetched = Date() + 5
            try await KeyFetchStore(pool: installation.exchange).note(
                [studio.id: fetched, nil: before(60)],
                in: workspace
            )
            let keys = try await loaded(installation, workspace)
            let store = KeyImpactStore(pool: installation.administration)
            let impact = try #require(try await store.impact(of: keys[0].kid, in: workspace))
            #expect(impact.state == .active)
            #expect(impact.sessions == 1)
            #expect(impact.latestExpiry == after(86_400))
            #expect(impact.apps.map(\.appID.raw) == ["other", "studio"])
            #expect(impact.apps.first?.fetchedAt == nil)
            #expect(impact.apps.last?.fetchedAt.map { $0 >= impact.newestPublishedAt } == true)
            #expect(impact.newestKnownAt == impact.newestPublishedAt + 660)
            // The standby signed nothing yet.
            let standby = try #require(try await store.impact(of: keys[1].kid, in: workspace))
            #expect(standby.sessions == 0)
            #expect(try await store.impact(of: "nobody-has-this", in: workspace) == nil)
        }
    }
}
