import Foundation
import TestCluster
import Testing

@testable import Postgres

/// A statement that answers with its parameter, cast so that the server sees the type.
private func roundTrip<Value: PostgresEncodable & PostgresDecodable & Sendable & Equatable>(
    _ values: [Value],
    as type: String
) async throws {
    let statement = Statement<Value?, Value?>("SELECT $1::\(type)") { row throws(RowDecodingError) in
        try row.next(Value?.self)
    }
    let session = settings(try await TestCluster.shared.url)
    try await PostgresConnection.withConnection(session) { session in
        for value in values {
            let answer = try await session.query(statement.bind(value))
            #expect(answer == [value], "\(type) \(value)")
        }
        #expect(try await session.query(statement.bind(nil)) == [nil])
    }
}

@Suite(.serialized)
struct `values in binary` {
    @Test func `of every type come back as they were sent, and NULL as nil`() async throws {
        try await roundTrip([true, false], as: "bool")
        try await roundTrip([Int16.min, -1, 0, .max], as: "int2")
        try await roundTrip([Int32.min, -1, 0, .max], as: "int4")
        try await roundTrip([Int64.min, -1, 0, .max], as: "int8")
        try await roundTrip([Int.min, -1, 0, .max], as: "int8")
        try await roundTrip(
            [0.1, -0.0, .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude],
            as: "float8"
        )
        try await roundTrip(["", "a", "ünïcødé 🧭", "'; DROP TABLE x; --"], as: "text")
        try await roundTrip(
            [[UInt8](), [0], [0, 255, 39, 92], Array(repeating: 7, count: 100_000)],
            as: "bytea"
        )
        try await roundTrip([UUID(), UUID()], as: "uuid")
        try await roundTrip(
            [
                Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 946_684_800),
                Date(timeIntervalSince1970: 1_700_000_000.123456), Date(timeIntervalSince1970: -1.5),
            ],
            as: "timestamptz"
        )
        try await roundTrip([[], [UUID(), UUID()]], as: "uuid[]")
        try await roundTrip([[], ["", "a,b", "{\"x\"}", "ü"]], as: "text[]")
        try await roundTrip([[], [1, -1, Int64.max]], as: "int8[]")
    }

    @Test func `mean to the server what they mean to us`() async throws {
        let statement = Statement<Date, UUID, [UInt8], Double, [String], String>(
            "SELECT concat_ws('|', $1 AT TIME ZONE 'UTC', $2, encode($3, 'hex'), $4, array_to_string($5, '+'))"
        ) { row throws(RowDecodingError) in try row.next() }
        let uuid = UUID(uuidString: "0190B3B2-1234-7ABC-8DEF-0123456789AB")
        let url = try await TestCluster.shared.url
        try await PostgresConnection.withConnection(settings(url)) { session in
            let text = try await session.query(
                statement.bind(
                    Date(timeIntervalSince1970: 1_700_000_000.000001),
                    try #require(uuid),
                    [0, 255],
                    1.5,
                    ["a", "b"]
                )
            )
            #expect(text == ["2023-11-14 22:13:20.000001|0190b3b2-1234-7abc-8def-0123456789ab|00ff|1.5|a+b"])
        }
    }

    @Test func `are read from the server's related types`() async throws {
        struct Row: Equatable {
            let small: Int, middle: Int64, json: String, binary: String, name: String, single: Double
            let transaction: Int, infinity: Date
        }
        let statement = Statement<Row>(
            """
            SELECT 1::int2, 2::int4, '{"a": 1}'::json, '{"a": 1}'::jsonb, 'n'::name, 0.5::float4, '7'::xid8,
                'infinity'::timestamptz
            """
        ) { row throws(RowDecodingError) in
            Row(
                small: try row.next(),
                middle: try row.next(),
                json: try row.next(),
                binary: try row.next(),
                name: try row.next(),
                single: try row.next(),
                transaction: try row.next(),
                infinity: try row.next()
            )
        }
        let url = try await TestCluster.shared.url
        try await PostgresConnection.withConnection(settings(url)) { session in
            let rows = try await session.query(statement.bind())
            #expect(
                rows == [
                    Row(
                        small: 1,
                        middle: 2,
                        json: #"{"a": 1}"#,
                        binary: #"{"a": 1}"#,
                        name: "n",
                        single: 0.5,
                        transaction: 7,
                        infinity: .distantFuture
                    )
                ]
            )
        }
    }

    @Test(arguments: [
        ("SELECT NULL::int8", "null"), ("SELECT 'x'", "mismatch"), ("SELECT", "missing"),
        ("SELECT 1.5::float8", "mismatch"),
    ])
    func `that a row does not expect are refused with their column`(sql: String, reason: String) async throws
    {
        let statement = Statement<Int>(sql) { row throws(RowDecodingError) in try row.next() }
        let url = try await TestCluster.shared.url
        try await PostgresConnection.withConnection(settings(url)) { session in
            guard case .decoding(let error)? = await failure({ try await session.query(statement.bind()) })
            else {
                Issue.record("no decoding error")
                return
            }
            #expect("\(error.reason)".hasPrefix(reason))
            #expect(error.column == 0)
            // The connection is none the worse for it.
            let next = try await session.query(echo.bind(1))
            #expect(next == [1])
        }
    }

    @Test func `too large for the Swift type are refused`() async throws {
        let statement = Statement<Int16>("SELECT 70000::int4") { row throws(RowDecodingError) in
            try row.next()
        }
        let url = try await TestCluster.shared.url
        try await PostgresConnection.withConnection(settings(url)) { session in
            guard case .decoding? = await failure({ try await session.query(statement.bind()) }) else {
                Issue.record("no decoding error")
                return
            }
        }
    }

    @Test(arguments: [0, 3, 7, 11, 19, 23, 27])
    func `of an array that ends too early are refused`(length: Int) {
        var writer = ParameterWriter(capacity: 64)
        [Int64(1), 2].encode(into: &writer)
        let bytes = Array(writer.bytes.prefix(length))
        #expect(unsafe [Int64](postgres: bytes.span.bytes, type: .int8Array) == nil)
        #expect(unsafe [Int64](postgres: writer.bytes.span.bytes, type: .int8Array) == [1, 2])
    }
}
