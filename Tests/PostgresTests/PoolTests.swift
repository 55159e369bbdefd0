import Foundation
import TestCluster
import Testing

@testable import Postgres

@Suite(.serialized)
struct `a pool` {
    @Test func `refuses those it has no place for, within the time they may wait, and health goes on`()
        async throws
    {
        try await withPool(
            having {
                $0.connections = 2
                $0.pipelineDepth = 1
                $0.waitingLimit = 4
                $0.acquireTimeout = .milliseconds(300)
            }
        ) { pool in
            // Both connections are open before the rush, however long that takes here.
            try await eventually(within: .seconds(20), "two connections are open") {
                await (try? pool.withSession { _ in try await pool.query(echo.bind(1)) }) != nil
            }
            try await withThrowingTaskGroup(of: String.self) { group in
                let start = ContinuousClock.now
                for _ in 0..<12 {
                    group.addTask {
                        do {
                            try await pool.execute(nap.bind(2.5))
                            return "done"
                        } catch PostgresError.poolExhausted {
                            #expect(ContinuousClock.now - start < .seconds(2))
                            return "exhausted"
                        }
                    }
                }
                group.addTask {
                    try await pool.ping()
                    #expect(ContinuousClock.now - start < .seconds(2))
                    return "healthy"
                }
                var outcomes: [String: Int] = [:]
                for try await outcome in group { outcomes[outcome, default: 0] += 1 }
                #expect(outcomes == ["done": 2, "exhausted": 10, "healthy": 1])
            }
        }
    }

    @Test func `spreads slow units over its connections`() async throws {
        let sleepingBackend = Statement<Int>("SELECT pg_backend_pid() FROM pg_sleep(0.2)") {
            row throws(RowDecodingError) in try row.next()
        }
        try await withPool(having { $0.connections = 4 }) { pool in
            var last = Set<Int>()
            try await eventually("four connections serve at the same time") {
                last = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<4 {
                        group.addTask { try await pool.query(sleepingBackend.bind())[0] }
                    }
                    var backends = Set<Int>()
                    for try await backend in group { backends.insert(backend) }
                    return backends
                }
                return last.count == 4
            }
        }
    }

    @Test func `fails only what was on a connection whose backend is killed`() async throws {
        try await withPool(having { $0.connections = 2 }) { pool in
            try await pool.withSession { session in
                let doomed = try await session.query(backend.bind())
                async let sleeping = failure { try await session.execute(nap.bind(5)) }
                async let other = pool.query(echo.bind(7))
                try await eventually("the statement is under way") {
                    let active = Statement<Int, Int>(
                        "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
                    ) {
                        row throws(RowDecodingError) in try row.next()
                    }
                    let count = try await pool.query(active.bind(doomed[0]))
                    return count == [1]
                }
                try await pool.execute(terminate.bind(doomed[0]))
                guard case .connectionLost(outcomeUnknown: true)? = await sleeping else {
                    Issue.record("the killed backend's unit did not fail as lost")
                    return
                }
                let neighbour = try await other
                #expect(neighbour == [7])
            }
            let after = try await pool.query(echo.bind(8))
            #expect(after == [8])
        }
    }

    @Test func `replaces a connection that died while it was idle, without its caller's notice`() async throws
    {
        try await withPool(
            having {
                $0.connections = 1
                $0.validationAge = .milliseconds(1)
            }
        ) { pool in
            for _ in 0..<5 {
                let process = try await pool.query(backend.bind())
                try await PostgresConnection.withConnection(settings(pool.settings.url)) { session in
                    try await session.execute(terminate.bind(process[0]))
                    try await eventually("the backend is gone") {
                        let alive = Statement<Int, Int>(
                            "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
                        ) {
                            row throws(RowDecodingError) in try row.next()
                        }
                        let count = try await session.query(alive.bind(process[0]))
                        return count == [0]
                    }
                }
                let next = try await pool.query(backend.bind())
                #expect(next != process)
            }
        }
    }

    @Test func `replaces connections at the end of their life under load, and nobody fails`() async throws {
        try await withPool(
            having {
                $0.connections = 3
                $0.maximumLifetime = .milliseconds(200)
            }
        ) { pool in
            let backends = try await withThrowingTaskGroup(of: Set<Int>.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        var seen = Set<Int>()
                        let end = ContinuousClock.now + .seconds(3)
                        while ContinuousClock.now < end {
                            seen.formUnion(try await pool.query(backend.bind()))
                        }
                        return seen
                    }
                }
                var all = Set<Int>()
                for try await seen in group { all.formUnion(seen) }
                return all
            }
            #expect(backends.count >= 4)
        }
    }

    @Test func `lets what is under way end when it is shut down`() async throws {
        try await TestCluster.shared.withDatabase { url in
            let pool = try PostgresPool(settings(url), logger: quiet)
            let running = Task { try await pool.run() }
            try await pool.ping()
            let sleeping = Task { try await pool.execute(nap.bind(1)) }
            try await eventually("the statement is under way") {
                let active = Statement<Int>(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                ) {
                    row throws(RowDecodingError) in try row.next()
                }
                let count = try await pool.query(active.bind())
                return count == [1]
            }
            running.cancel()
            let rows = try await sleeping.value
            #expect(rows == 1)
            try await running.value
            guard case .unavailable? = await failure({ try await pool.query(echo.bind(1)) }) else {
                Issue.record("it still serves")
                return
            }
        }
    }

    @Test func `carries units of ten thousand statements through a narrow link both ways`() async throws {
        let url = try await TestCluster.shared.url
        let proxy = try TCPProxy(to: try #require(PostgresURL.port(of: url)))
        defer { proxy.close() }
        let bytes = Statement<[UInt8], [UInt8]>("SELECT $1") { row throws(RowDecodingError) in try row.next()
        }
        try await withPool(
            url: proxy.url(for: url),
            having {
                $0.connections = 1
                $0.statementTimeout = .seconds(150)
            }
        ) { pool in
            let values = (0..<100).map { bytes.bind(Array(repeating: UInt8($0), count: 10_000)) }
            let calls = (0..<10_000).map { values[$0 % 100] }
            let answers = try await pool.batch(calls, deadline: .seconds(150))
            #expect(answers.count == 10_000)
            #expect(
                answers.enumerated().allSatisfy { index, rows in
                    rows.count == 1 && rows[0].count == 10_000
                        && rows[0][9_999] == UInt8(index % 100)
                }
            )
        }
    }

    @Test(arguments: ["postgresql://%zz", "postgresql://a:1,b:2,c/x?port=1,2", "host=a,b port=1,2,3"])
    func `refuses a malformed URL without showing it`(url: String) throws {
        do throws(PostgresError) {
            _ = try PostgresPool(settings(url), logger: quiet)
            Issue.record("it was taken")
        } catch {
            #expect(!"\(error)".contains(url))
        }
    }
}
