import Foundation
import TestCluster
import Testing

@testable import Postgres

@Suite(.serialized)
struct `a query` {
    @Test func `answers with its rows, and a pipeline with those of each statement`() async throws {
        try await withPool { pool in
            let sum = Statement<Int, Int, Int>("SELECT $1 + $2") { row throws(RowDecodingError) in
                try row.next()
            }
            let joined = Statement<String, String>("SELECT 'a' || $1") { row throws(RowDecodingError) in
                try row.next()
            }
            let sums = try await pool.query(sum.bind(2, 3))
            #expect(sums == [5])
            let (numbers, _, names) = try await pool.pipeline(sum.bind(1, 1), nap.bind(0), joined.bind("b"))
            #expect(numbers == [2])
            #expect(names == ["ab"])
        }
    }

    @Test func `answers with ten thousand rows, of more than one read each`() async throws {
        let rows = Statement<Int, (Int, String)>(
            "SELECT n, repeat('x', 200) || n FROM generate_series(1, $1) AS n"
        ) { row throws(RowDecodingError) in (try row.next(), try row.next()) }
        try await withPool { pool in
            let answer = try await pool.query(rows.bind(10_000))
            #expect(answer.count == 10_000)
            #expect(answer.enumerated().allSatisfy { $1.0 == $0 + 1 && $1.1.hasSuffix("x\($0 + 1)") })
        }
    }

    @Test func `tells how many rows it touched`() async throws {
        let insert = Statement<Int, AffectedRows>("INSERT INTO t SELECT generate_series(1, $1)")
        let delete = Statement<Int, Void>("DELETE FROM t WHERE n <= $1")
        try await withPool { pool in
            try await pool.withSession { try await $0.execute(script: "CREATE TABLE t (n int8)") }
            let inserted = try await pool.query(insert.bind(7))
            #expect(inserted == [AffectedRows(count: 7)])
            let deleted = try await pool.execute(delete.bind(3))
            #expect(deleted == 3)
        }
    }

    @Test func `that the server refuses says why`() async throws {
        let insert = Statement<Int, Void>("INSERT INTO t VALUES ($1)")
        try await withPool { pool in
            try await pool.withSession {
                try await $0.execute(script: "CREATE TABLE t (n int8 CONSTRAINT t_once UNIQUE)")
            }
            try await pool.execute(insert.bind(1))
            guard case .server(let error)? = await failure({ try await pool.execute(insert.bind(1)) }) else {
                Issue.record("not the server's refusal")
                return
            }
            #expect(error.sqlState == .uniqueViolation)
            #expect(error.constraint == "t_once")
            #expect(error.table == "t")
            #expect(!PostgresError.server(error).isUnavailability)
        }
    }

    @Test func `of a statement that cannot be prepared fails alone, each time with the true reason`()
        async throws
    {
        let wrong = Statement<Int>("SELECT nothing FROM nowhere") { row throws(RowDecodingError) in
            try row.next()
        }
        try await withPool(having { $0.connections = 1 }) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<60 {
                    group.addTask {
                        if index % 3 == 0 {
                            let error = await failure { try await pool.query(wrong.bind()) }
                            #expect(error?.sqlState == .undefinedTable)
                        } else {
                            let rows = try await pool.query(echo.bind(index))
                            #expect(rows == [index])
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: 0..<5)
    func `that fails takes its own unit with it and no neighbour`(position: Int) async throws {
        let insert = Statement<Int, Void>("INSERT INTO t VALUES ($1)")
        let count = Statement<Int, Int>("SELECT count(*) FROM t WHERE n / 1000 = $1") {
            row throws(RowDecodingError) in try row.next()
        }
        try await withPool(having { $0.connections = 1 }) { pool in
            try await pool.withSession {
                try await $0.execute(script: "CREATE TABLE t (n int8 CHECK (n % 1000 <> 999))")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for unit in 1...40 {
                    group.addTask {
                        let fails = unit % 2 == 0
                        let units = (0..<5).map { index in
                            insert.bind(unit * 1_000 + (fails && index == position ? 999 : index))
                        }
                        if fails {
                            let error = await failure { try await pool.batch(units) }
                            #expect(error?.sqlState == .checkViolation)
                        } else {
                            try await pool.batch(units)
                            let rows = try await pool.query(echo.bind(unit))
                            #expect(rows == [unit])
                        }
                    }
                }
                try await group.waitForAll()
            }
            for unit in 1...40 {
                let stored = try await pool.query(count.bind(unit))
                #expect(stored == [unit % 2 == 0 ? 0 : 5], "unit \(unit)")
            }
        }
    }

    @Test func `goes on after its tables have changed under it`() async throws {
        let all = Statement<Int>("SELECT * FROM t") { row throws(RowDecodingError) in try row.next() }
        try await withPool(having { $0.connections = 2 }) { pool in
            try await pool.withSession {
                try await $0.execute(script: "CREATE TABLE t (n int8); INSERT INTO t VALUES (1)")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<50 {
                            let rows = try await pool.query(all.bind())
                            #expect(rows == [1])
                        }
                    }
                }
                group.addTask {
                    for column in 0..<5 {
                        try await pool.withSession {
                            try await $0.execute(script: "ALTER TABLE t ADD COLUMN c\(column) int8")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `goes on after the session has forgotten its statements, also in a transaction`() async throws
    {
        let forget = Statement<Void>("DEALLOCATE ALL")
        try await withPool(having { $0.connections = 1 }) { pool in
            let before = try await pool.query(echo.bind(1))
            #expect(before == [1])
            try await pool.execute(forget.bind())
            let after = try await pool.query(echo.bind(2))
            #expect(after == [2])
            try await pool.execute(forget.bind())
            let inTransaction = try await pool.transaction { try await $0.query(echo.bind(3)) }
            #expect(inTransaction == [3])
        }
    }

    @Test func `that takes too long is ended by the server, and by its own deadline`() async throws {
        try await withPool(having { $0.statementTimeout = .milliseconds(100) }) { pool in
            let error = await failure { try await pool.execute(nap.bind(10)) }
            #expect(error?.sqlState == .queryCanceled)
        }
        try await withPool { pool in
            let start = ContinuousClock.now
            let error = await failure { try await pool.execute(nap.bind(10), deadline: .milliseconds(100)) }
            guard case .deadlineExceeded? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(ContinuousClock.now - start < .seconds(2))
        }
    }

    @Test func `runs in the session its settings describe`() async throws {
        let cluster = try await TestCluster.shared
        let role = "reader_\(UUID().uuidString.lowercased().prefix(8))"
        try await cluster.execute("CREATE ROLE \(role)")
        let facts = Statement<[String]>(
            """
            SELECT ARRAY[current_user::text, current_setting('application_name'), current_setting('statement_timeout'),
                current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
                current_setting('search_path'), current_setting('TimeZone'), current_setting('client_encoding'),
                current_setting('default_transaction_isolation'), current_setting('idle_session_timeout')]
            """
        ) { row throws(RowDecodingError) in try row.next() }
        try await withPool(
            having {
                $0.role = role
                $0.statementTimeout = .seconds(3)
                $0.applicationName = "an application"
                $0.searchPath = "\"a b\", pg_catalog"
            }
        ) { pool in
            let settings = try await pool.query(facts.bind())
            #expect(
                settings == [
                    [
                        role, "an application", "3s", "2s", "5s", "\"a b\", pg_catalog", "UTC", "UTF8",
                        "read committed",
                        "0",
                    ]
                ]
            )
        }
        try await cluster.execute("DROP ROLE \(role)")
    }
}
