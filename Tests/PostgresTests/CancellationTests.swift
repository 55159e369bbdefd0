import TestCluster
import Testing

@testable import Postgres

private let slowEcho = Statement<Int, Double, Int>("SELECT $1 FROM pg_sleep($2)") {
    row throws(RowDecodingError) in
    try row.next()
}

@Suite(.serialized)
struct `a cancelled task` {
    @Test func `never has another's answer, nor another its`() async throws {
        let cancelled = Counter()
        let answered = Counter()
        try await withPool(
            having {
                $0.connections = 3
                $0.pipelineDepth = 8
                $0.waitingLimit = 10_000
            }
        ) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<50 {
                    group.addTask {
                        for round in 0..<200 {
                            let number = caller * 1_000 + round
                            let isSlow = round % 20 == 0
                            let task = Task {
                                isSlow
                                    ? try await pool.query(slowEcho.bind(number, 0.03))
                                    : try await pool.query(echo.bind(number))
                            }
                            if round % 2 == 0 {
                                for _ in 0..<Int.random(in: 0...20) { await Task.yield() }
                                task.cancel()
                            }
                            do {
                                let rows = try await task.value
                                #expect(rows == [number])
                                answered.add()
                            } catch PostgresError.cancelled {
                                cancelled.add()
                            } catch PostgresError.poolExhausted {
                                // Too slow a machine for all at once is no wrong answer.
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(cancelled.count > 1_000)
        #expect(answered.count > 4_000)
    }

    @Test func `has its statement cancelled in the server, and the connection serves on`() async throws {
        let sleepers = Statement<Int>(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'
            """
        ) { row throws(RowDecodingError) in try row.next() }
        let backends = Statement<[Int64]>(
            """
            SELECT array_agg(pid::int8 ORDER BY pid) FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend'
            """
        ) { row throws(RowDecodingError) in try row.next() }
        try await withPool(
            having {
                $0.connections = 2
                $0.statementTimeout = .seconds(60)
            }
        ) { pool in
            let task = Task { try await pool.execute(nap.bind(30), deadline: .seconds(60)) }
            try await eventually("the statement runs") {
                let count = try await pool.query(sleepers.bind())
                return count == [1]
            }
            let before = try await pool.query(backends.bind())
            task.cancel()
            guard case .cancelled? = await failure({ try await task.value }) else {
                Issue.record("not cancelled")
                return
            }
            try await eventually(within: .seconds(2), "the server was told") {
                let count = try await pool.query(sleepers.bind())
                return count == [0]
            }
            let after = try await pool.query(backends.bind())
            #expect(after == before)
        }
    }

    @Test func `that was cancelled before it began sends nothing`() async throws {
        let insert = Statement<Void>("INSERT INTO t VALUES (1)")
        let count = Statement<Int>("SELECT count(*) FROM t") { row throws(RowDecodingError) in try row.next()
        }
        try await withPool { pool in
            try await pool.withSession { try await $0.execute(script: "CREATE TABLE t (n int8)") }
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await pool.execute(insert.bind())
            }
            task.cancel()
            guard case .cancelled? = await failure({ try await task.value }) else {
                Issue.record("not cancelled")
                return
            }
            let stored = try await pool.query(count.bind())
            #expect(stored == [0])
        }
    }

    @Test func `that waits for a connection of its own waits no more`() async throws {
        try await withPool(
            having {
                $0.connections = 1
                $0.acquireTimeout = .seconds(30)
            }
        ) { pool in
            try await pool.withSession { session in
                let waiting = Task { try await pool.withSession { _ in } }
                let alsoWaiting = Task { try await pool.query(echo.bind(1), deadline: .seconds(30)) }
                await Task.yield()
                waiting.cancel()
                alsoWaiting.cancel()
                guard case .cancelled? = await failure({ try await waiting.value }),
                    case .cancelled? = await failure({ try await alsoWaiting.value })
                else {
                    Issue.record("not cancelled")
                    return
                }
                let rows = try await session.query(echo.bind(2))
                #expect(rows == [2])
            }
        }
    }
}
