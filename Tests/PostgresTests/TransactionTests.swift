import TestCluster
import Testing

@testable import Postgres

private let insert = Statement<Int, Void>("INSERT INTO t VALUES ($1, 0)")
private let count = Statement<Int>("SELECT count(*) FROM t") { row throws(RowDecodingError) in try row.next()
}
private let value = Statement<Int, Int>("SELECT value FROM t WHERE n = $1") { row throws(RowDecodingError) in
    try row.next()
}
private let add = Statement<Int, Int, Void>("UPDATE t SET value = $2 WHERE n = $1")
private let increment = Statement<Int, Void>("UPDATE t SET value = value + 1 WHERE n = $1")

@Suite(.serialized)
struct `a transaction` {
    private func withTable(
        _ configure: (inout PostgresSettings) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await withPool(configure) { pool in
            try await pool.withSession {
                try await $0.execute(script: "CREATE TABLE t (n int8 PRIMARY KEY, value int8)")
            }
            try await body(pool)
        }
    }

    @Test func `commits what was done in it and answers with its value`() async throws {
        try await withTable { pool in
            let seen = try await pool.transaction { transaction in
                try await transaction.execute(insert.bind(1))
                let (_, counts) = try await transaction.pipeline(insert.bind(2), count.bind())
                return counts
            }
            #expect(seen == [2])
            let stored = try await pool.query(count.bind())
            #expect(stored == [2])
        }
    }

    @Test func `is rolled back when its body throws`() async throws {
        struct Refusal: Error {}
        try await withTable { pool in
            await #expect(throws: Refusal.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute(insert.bind(1))
                    throw Refusal()
                }
            }
            let stored = try await pool.query(count.bind())
            #expect(stored == [0])
        }
    }

    @Test func `whose failure was swallowed does not pass for committed`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    try await transaction.execute(insert.bind(1))
                    _ = try? await transaction.execute(insert.bind(1))
                }
            }
            guard case .rolledBack? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            let stored = try await pool.query(count.bind())
            #expect(stored == [0])
        }
    }

    @Test func `that sends nothing needs no connection's BEGIN`() async throws {
        try await withTable { pool in
            let nothing = try await pool.transaction { _ in 7 }
            #expect(nothing == 7)
        }
    }

    @Test func `is repeated when it lost against another`() async throws {
        try await withTable(having { $0.connections = 5 }) { pool in
            try await pool.execute(insert.bind(1))
            let attempts = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await pool.transaction(.serializable) { transaction in
                            attempts.add()
                            let old = try await transaction.query(value.bind(1))
                            try await transaction.execute(nap.bind(0.3))
                            try await transaction.execute(add.bind(1, (old.first ?? 0) + 1))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let sum = try await pool.query(value.bind(1))
            #expect(sum == [3])
            #expect(attempts.count > 3)
        }
    }

    @Test func `is repeated when it was chosen to end a deadlock`() async throws {
        try await withTable(having { $0.connections = 4 }) { pool in
            try await pool.execute(insert.bind(1))
            try await pool.execute(insert.bind(2))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for order in [[1, 2], [2, 1]] {
                    group.addTask {
                        try await pool.transaction { transaction in
                            try await transaction.execute(increment.bind(order[0]))
                            try await transaction.execute(nap.bind(0.1))
                            try await transaction.execute(increment.bind(order[1]))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let (first, second) = try await pool.pipeline(value.bind(1), value.bind(2))
            #expect(first + second == [2, 2])
        }
    }

    @Test func `is repeated three times and no more`() async throws {
        let lose = Statement<Void>("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
        try await withTable { pool in
            let attempts = Counter()
            let error = await failure {
                try await pool.transaction { transaction in
                    attempts.add()
                    try await transaction.execute(lose.bind())
                }
            }
            #expect(error?.sqlState == .serializationFailure)
            #expect(attempts.count == 4)
        }
    }

    @Test func `whose COMMIT is not answered has an unknown outcome and is done once`() async throws {
        try await TestCluster.shared.withDatabase { url in
            let port = try #require(PostgresURL.port(of: url))
            let proxy = try TCPProxy(to: port)
            defer { proxy.close() }
            try await withPool(url: url) { direct in
                try await direct.withSession {
                    try await $0.execute(script: "CREATE TABLE t (n int8 PRIMARY KEY, value int8)")
                }
                try await withPool(url: proxy.url(for: url)) { pool in
                    proxy.cutBeforeAnswer(to: "\0COMMIT\0")
                    let attempts = Counter()
                    let error = await failure {
                        try await pool.transaction { transaction in
                            attempts.add()
                            try await transaction.execute(insert.bind(1))
                        }
                    }
                    guard case .connectionLost(outcomeUnknown: true)? = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(attempts.count == 1)
                }
                try await eventually("the one effect") {
                    let stored = try await direct.query(count.bind())
                    return stored == [1]
                }
            }
        }
    }

    @Test func `cut off before COMMIT is certain not to have happened`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    let process = try await transaction.query(backend.bind())
                    try await pool.execute(terminate.bind(process[0]))
                    try await transaction.execute(nap.bind(1))
                }
            }
            guard case .connectionLost(outcomeUnknown: false)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            let stored = try await pool.query(count.bind())
            #expect(stored == [0])
        }
    }

    @Test func `is not left open by a cancelled task`() async throws {
        try await withTable(having { $0.connections = 2 }) { pool in
            for _ in 0..<20 {
                let task = Task {
                    try await pool.transaction { transaction in
                        try await transaction.execute(insert.bind(1))
                        try await transaction.execute(nap.bind(5))
                    }
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...20)))
                task.cancel()
                _ = await failure { try await task.value }
            }
            let stored = try await pool.query(count.bind())
            #expect(stored == [0])
            let open = Statement<Int>(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'
                """
            ) { row throws(RowDecodingError) in try row.next() }
            let idle = try await pool.query(open.bind())
            #expect(idle == [0])
        }
    }
}

@Suite(.serialized)
struct `a session` {
    @Test func `runs a script as one transaction`() async throws {
        try await TestCluster.shared.withDatabase { url in
            try await PostgresConnection.withConnection(settings(url)) { session in
                let error = await failure {
                    try await session.execute(
                        script: "CREATE TABLE a (n int8); INSERT INTO a VALUES (1); SELECT 1 / 0"
                    )
                }
                #expect(error?.sqlState.map(\.code) == "22012")
                let tables = Statement<Int>("SELECT count(*) FROM pg_class WHERE relname = 'a'") {
                    row throws(RowDecodingError) in try row.next()
                }
                let before = try await session.query(tables.bind())
                #expect(before == [0])
                try await session.transaction { transaction in
                    try await transaction.execute(script: "CREATE TABLE a (n int8); CREATE TABLE b (n int8)")
                    let inside = try await transaction.query(tables.bind())
                    #expect(inside == [1])
                }
                let after = try await session.query(tables.bind())
                #expect(after == [1])
                #expect(await session.serverVersion >= 150_000)
            }
        }
    }

    @Test func `leaves no lock and no setting to whoever has the connection next`() async throws {
        let lock = Statement<Void>("SELECT pg_advisory_lock(1)")
        let set = Statement<Void>("SELECT set_config('work_mem', '1MB', false)")
        let held = Statement<Int>(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        ) {
            row throws(RowDecodingError) in try row.next()
        }
        let memory = Statement<String>("SELECT current_setting('work_mem')") { row throws(RowDecodingError) in
            try row.next()
        }
        try await withPool(having { $0.connections = 1 }) { pool in
            let usual = try await pool.query(memory.bind())
            try await pool.withSession { session in
                _ = try await session.pipeline(lock.bind(), set.bind())
                let locks = try await session.query(held.bind())
                #expect(locks == [1])
            }
            let (locks, now) = try await pool.pipeline(held.bind(), memory.bind())
            #expect(locks == [0])
            #expect(now == usual)
        }
    }

    @Test func `kept beyond its closure is of no use`() async throws {
        try await withPool { pool in
            let kept = try await pool.withSession { $0 }
            guard case .unavailable? = await failure({ try await kept.query(echo.bind(1)) }) else {
                Issue.record("it was used")
                return
            }
        }
    }
}

/// Parts of a test server's URL.
enum PostgresURL {
    static func port(of url: String) -> Int? {
        url.split(separator: ":").last?.split(separator: "/").first.flatMap { Int($0) }
    }
}
