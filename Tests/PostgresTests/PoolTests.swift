import Foundation
import Logging
import TestCluster
import Testing

@testable import Postgres

@Suite
struct `a pool` {
    @Test func `answers a query`() async throws {
        try await withPool { pool in
            let sum = Statement<Int, Int, Int>("SELECT $1 + $2") { row throws(RowDecodingError) in
                try row.next()
            }
            #expect(try await pool.query(sum.bind(2, 3)) == [5])
            let name = Statement<String, String>("SELECT 'a' || $1") { row throws(RowDecodingError) in
                try row.next()
            }
            let (numbers, names) = try await pool.pipeline(sum.bind(1, 1), name.bind("b"))
            #expect(numbers == [2])
            #expect(names == ["ab"])
        }
    }

    @Test func `commits a transaction`() async throws {
        try await withPool { pool in
            try await pool.withSession {
                try await $0.execute(script: "CREATE TABLE t (n int8); INSERT INTO t VALUES (1)")
            }
            let insert = Statement<Int, Void>("INSERT INTO t VALUES ($1)")
            let count = Statement<Int>("SELECT count(*) FROM t") { row throws(RowDecodingError) in
                try row.next()
            }
            let seen = try await pool.transaction { transaction in
                try await transaction.execute(insert.bind(2))
                return try await transaction.query(count.bind())
            }
            #expect(seen == [2])
            #expect(try await pool.query(count.bind()) == [2])
            #expect(try await pool.ping() >= 150_000)
        }
    }
}
