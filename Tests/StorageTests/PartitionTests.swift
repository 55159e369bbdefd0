import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The partitions of sessions` {
    @Test func `hold every day from yesterday to the day asked for, once, and are made once`() async throws {
        try await withInstallation { installation in
            let store = HousekeepingStore(pool: installation.rotator)
            // Migrating makes those of the coming two weeks.
            #expect(try await store.ensureSessionPartitions(days: 14) == 0)
            #expect(try await store.ensureSessionPartitions(days: 28) == 2)
            #expect(try await store.ensureSessionPartitions(days: 28) == 0)
            let holders = try await installation.texts(
                """
                SELECT count(partition)::text
                FROM generate_series(current_date - 1, current_date + 28, interval '1 day') AS day
                LEFT JOIN session_partitions() ON first_day <= day AND day < end_day
                GROUP BY day
                """
            )
            #expect(holders == Array(repeating: "1", count: 30))
        }
    }

    @Test func `are weeks, or what their neighbours leave of one`() async throws {
        try await withInstallation { installation in
            try await installation.superuser.withSession { session in
                // Two days of one week, as databases hold that were made before partitions were weeks.
                try await session.execute(
                    script: """
                        DO $$
                        DECLARE
                            monday timestamptz := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                                - interval '70 days';
                        BEGIN
                            EXECUTE format(
                                'CREATE TABLE one PARTITION OF sessions FOR VALUES FROM (%L) TO (%L)',
                                uuid_at(monday + interval '2 days'), uuid_at(monday + interval '3 days')
                            );
                            EXECUTE format(
                                'CREATE TABLE two PARTITION OF sessions FOR VALUES FROM (%L) TO (%L)',
                                uuid_at(monday + interval '4 days'), uuid_at(monday + interval '5 days')
                            );
                            PERFORM ensure_session_partitions(monday::date - 4, monday::date + 13);
                        END
                        $$
                        """
                )
            }
            let made = try await installation.texts(
                """
                SELECT (first_day - monday) || ' to ' || (end_day - monday)
                    || CASE WHEN partition = 'sessions_' || to_char(first_day, 'YYYYMMDD') THEN '' ELSE ' ' || partition END
                FROM session_partitions(), (SELECT date_trunc('week', now() AT TIME ZONE 'UTC')::date - 70) AS week (monday)
                WHERE first_day < monday + 30
                ORDER BY first_day
                """
            )
            #expect(
                made == ["-7 to 0", "0 to 2", "2 to 3 one", "3 to 4", "4 to 5 two", "5 to 7", "7 to 14"]
            )
        }
    }

    @Test func `are made once though many ask at once`() async throws {
        try await withInstallation { installation in
            let made = try await withThrowingTaskGroup(of: Int.self) { group in
                for asker in 0..<8 {
                    let pool = asker.isMultiple(of: 2) ? installation.rotator : installation.exchange
                    group.addTask {
                        try await HousekeepingStore(pool: pool).ensureSessionPartitions(days: 28)
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 }
            }
            #expect(made == 2)
        }
    }

    @Test func `are not made out of bounds`() async throws {
        try await withInstallation { installation in
            for (first, last, isAllowed) in [
                (0, 62, true), (0, 63, false), (-1, 62, false), (62, 63, false), (-801, -801, false),
                (-800, -800, true), (-800, 0, false), (-1, -2, true),
            ] {
                let state = try await sqlState {
                    _ = try await installation.exchange.query(ensure.bind(first, last))
                }
                #expect(state == (isAllowed ? nil : SQLState("22023")), "\(first) to \(last)")
            }
        }
    }

    @Test func `take sessions from their first millisecond to their last`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let midnight = Date(
                timeIntervalSince1970: (now.timeIntervalSince1970 / 86_400).rounded(.up) * 86_400
            )
            // 1970-01-01 was a Thursday.
            let days = Int(midnight.timeIntervalSince1970 / 86_400)
            let monday = midnight + Double((11 - days % 7) % 7) * 86_400
            for (moment, day) in [(monday - 0.0005, monday - 7 * 86_400), (monday + 0.0005, monday)] {
                let attempt = scene.attempt(from: scene.session, at: moment)
                let id = attempt.newSessionID
                let expires = session(of: scene.user, in: scene.target)
                try await installation.insert([
                    Seed.session(
                        Session(
                            id: id,
                            userID: scene.user,
                            appID: scene.target.id,
                            authenticatedAt: now,
                            methods: [],
                            createdAt: now,
                            lastUsedAt: now,
                            expiresAt: expires.expiresAt,
                            idleTimeout: 60
                        ),
                        in: scene.workspace
                    )
                ])
                let partition = try await installation.texts(
                    "SELECT tableoid::regclass::text FROM sessions WHERE id = '\(id.text)'"
                )
                let name = day.ISO8601Format().prefix(10).filter { $0 != "-" }
                #expect(partition == ["sessions_\(name)"])
            }
        }
    }

    @Test func `are made by whoever records a session on a day that has none`() async throws {
        try await withInstallation { installation in
            let later = after(30 * 86_400)
            let scene = try await Scene(on: installation, isMember: false)
            let source = session(
                of: scene.user,
                in: scene.source,
                lastUsedAt: later,
                expiresAt: later + 86_400
            )
            try await installation.add(source, in: scene.workspace)
            let attempt = scene.attempt(from: source, limit: 5, at: later)
            let outcome = try await ExchangeStore(pool: installation.exchange).attempt(attempt)
            #expect(outcome.recordedUntil == later + 86_400)
            // The first try left nothing behind.
            #expect(outcome.standing.exchangesThisMinute == 1)
            #expect(outcome.standing.target == nil)
            #expect(
                try await installation.number("SELECT count(*) FROM sessions WHERE app_id = 'target'") == 1
            )

            let beginning = SignInStore.Beginning(
                sessionID: Session.ID(UUID.v7(at: later + 86_400)),
                app: scene.target,
                cookieHash: [UInt8](repeating: 0, count: 32),
                methods: [],
                address: nil,
                userAgent: nil,
                lifetime: 60,
                idleTimeout: 60,
                remembers: true,
                now: later + 86_400
            )
            let begun = try await SignInStore(pool: installation.exchange).begin(
                beginning,
                of: scene.user,
                in: scene.workspace
            )
            #expect(begun.isRecorded)
        }
    }

    @Test func `that are missing refuse a session's row with a check violation of no constraint`()
        async throws
    {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            // A session whose id is of another day than the instant it is recorded at: no second try helps it.
            let attempt = ExchangeStore.Attempt(
                workspaceID: scene.workspace,
                sourceSessionID: scene.session.id,
                userID: scene.user,
                sourceAppID: scene.source.id,
                target: scene.target,
                isWorthRecording: true,
                apiKeyID: APIKey.ID(UUID()),
                newSessionID: Session.ID(UUID.v7(at: after(40 * 86_400))),
                address: nil,
                userAgent: nil,
                exchangesPerMinute: nil,
                now: now
            )
            do {
                _ = try await ExchangeStore(pool: installation.exchange).attempt(attempt)
                Issue.record("there is a partition where none should be")
            } catch PostgresError.server(let refusal) {
                #expect(refusal.sqlState == .checkViolation)
                #expect(refusal.constraint == nil)
            }
        }
    }

    @Test func `cannot be reached but through the table itself`() async throws {
        try await withInstallation { installation in
            let partitions = try await installation.texts("SELECT partition FROM session_partitions()")
            #expect((3...4).contains(partitions.count))
            for role in ServiceRole.allCases {
                let reachable = try await installation.texts(
                    """
                    SELECT relname::text
                    FROM pg_class
                    WHERE relname ~ '^sessions_[0-9]{8}$'
                        AND (has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                            OR has_any_column_privilege(oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
                    """,
                    through: installation.pool(as: role)
                )
                #expect(reachable == [])
            }
            let state = try await sqlState {
                _ = try await installation.texts(
                    "SELECT id::text FROM \(partitions[0])",
                    through: installation.exchange
                )
            }
            #expect(state == .insufficientPrivilege)
            #expect(
                try await installation.number(
                    """
                    SELECT count(*) FROM pg_class
                    WHERE relname ~ '^sessions_[0-9]{8}$' AND NOT (relrowsecurity AND relforcerowsecurity)
                    """
                ) == 0
            )
        }
    }
}

private let ensure = Statement<Int, Int, Int>(
    "SELECT ensure_session_partitions(current_date + $1::integer, current_date + $2::integer)"
) { row throws(RowDecodingError) in try row.next(Int.self) }
