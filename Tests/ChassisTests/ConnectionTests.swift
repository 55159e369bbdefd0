import Foundation
import Hummingbird
import NIOCore
import Testing

@testable import Chassis

@Suite struct `A connection` {
    private let get = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

    private func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits.patient
        change(&limits)
        return limits
    }

    @Test func `carries one request after another`() async throws {
        try await TestService().run { port in
            try await RawConnection.open(port) { connection, iterator in
                for _ in 0..<3 {
                    try await connection.send(get)
                    let answer = try await RawAnswer(until: "hello", &iterator)
                    #expect(answer.status == 200)
                    #expect(answer.header("Connection") == nil)
                }
            }
        }
    }

    @Test func `answers pipelined requests in order`() async throws {
        try await TestService().run { port in
            func post(_ body: String, _ fields: String = "") -> String {
                "POST /echo HTTP/1.1\r\nHost: h\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            let answer = try await exchange(
                port,
                post("one") + post("two") + post("three", "Connection: close\r\n")
            )
            #expect(answer.statuses == [200, 200, 200])
            let order = ["one", "two", "three"].compactMap {
                answer.text.range(of: "\r\n\r\n\($0)")?.lowerBound
            }
            #expect(order.count == 3 && order == order.sorted())
        }
    }

    @Test func `refuses a bad request behind a good one after answering the good one`() async throws {
        try await TestService().run { port in
            let answer = try await exchange(port, get + "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            #expect(answer.statuses == [200, 400])
        }
    }

    @Test func `is closed politely after its share of requests`() async throws {
        try await TestService(limits: limits { $0.requestsPerConnection = 2 }).run { port in
            let answer = try await exchange(port, get + get + get)
            #expect(answer.statuses == [200, 200])
            #expect(answer.text.components(separatedBy: "Connection: close").count == 2)
        }
    }

    @Test func `of HTTP/1.0 stays only when asked`() async throws {
        try await TestService().run { port in
            let closed = try await exchange(port, "GET /hello HTTP/1.0\r\n\r\n")
            #expect(closed.status == 200)
            #expect(closed.header("Connection") == "close")
            try await RawConnection.open(port) { connection, iterator in
                for _ in 0..<2 {
                    try await connection.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    let answer = try await RawAnswer(until: "hello", &iterator)
                    #expect(answer.header("Connection") == "keep-alive")
                }
            }
        }
    }

    @Test func `is told to go on before it sends a body it asks about`() async throws {
        try await TestService().run { port in
            try await RawConnection.open(port) { connection, iterator in
                let head = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\n"
                try await connection.send(head + "Content-Length: 4\r\n\r\n")
                #expect(try await RawAnswer(until: "\r\n\r\n", &iterator).statuses == [100])
                try await connection.send("body")
                let answer = try await RawAnswer(untilClose: &iterator)
                #expect(answer.status == 200)
                #expect(answer.body == "body")
            }
            let refused = try await exchange(
                port,
                "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n"
            )
            #expect(refused.statuses == [413], "and not told to go on when the body is too large")
        }
    }

    @Test func `whose client has closed its half still gets the answer`() async throws {
        try await TestService().run { port in
            try await RawConnection.open(port) { connection, iterator in
                try await connection.send(get)
                connection.outbound.finish()
                let answer = try await RawAnswer(untilClose: &iterator)
                #expect(answer.status == 200)
                #expect(answer.body == "hello")
            }
        }
    }

    @Test func `whose client has closed its half gets the answers to all it asked`() async throws {
        try await TestService().run { port in
            try await RawConnection.open(port) { connection, iterator in
                try await connection.send(get + get + "GET /unfinished")
                connection.outbound.finish()
                #expect(try await RawAnswer(untilClose: &iterator).statuses == [200, 200])
            }
        }
    }

    @Test func `whose client leaves the answer unread is cut off`() async throws {
        let service = try TestService(limits: limits { $0.idleTimeout = .milliseconds(1500) }) { router in
            router.get("long") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        let block = ByteBuffer(repeating: 0, count: 1 << 20)
                        for _ in 0..<64 { try await writer.write(block) }
                        try await writer.finish(nil)
                    }
                )
            }
        }
        try await service.run { port in
            try await RawConnection.open(port) { connection, _ in
                try await connection.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(
                    try await eventually {
                        service.bootstrap.metrics.exposition().contains(#"route="/long",status="200"} 1"#)
                    }
                )
                #expect(
                    try await eventually {
                        service.bootstrap.metrics.exposition().contains("\nhttp_connections 0\n")
                    }
                )
            }
        }
    }

    @Test func `gets its refusal though it goes on sending`() async throws {
        try await TestService().run { port in
            try await RawConnection.open(port) { connection, iterator in
                try await connection.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n")
                for _ in 0..<50 { try await connection.send([UInt8](repeating: 0, count: 20_000)) }
                #expect(try await RawAnswer(untilClose: &iterator).status == 413)
            }
        }
    }

    @Test func `that is over the limit may only ask how the service is`() async throws {
        try await TestService(limits: limits { $0.connections = 1 }).run { port in
            try await RawConnection.open(port) { first, firstAnswers in
                try await first.send(get)
                #expect(try await RawAnswer(until: "hello", &firstAnswers).status == 200)
                let second = try await exchange(port, get)
                #expect(second.statuses == [503])
                #expect(second.header("Retry-After") != nil)
                #expect(second.json["error"] == "temporarily_unavailable")
                let health = try await exchange(
                    port,
                    "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                )
                #expect(health.statuses == [200])
            }
        }
    }

    @Test func `that never says anything is closed without a word`() async throws {
        try await TestService(limits: limits { $0.idleTimeout = .milliseconds(50) }).run { port in
            let answer = try await exchange(port, "")
            #expect(answer.text.isEmpty)
        }
    }

    static let slow = [
        "G", "GET /hello HTTP/1.1\r\n", "GET /hello HTTP/1.1\r\nHost: h\r\nX-A: ",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbod",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo",
    ]

    @Test(arguments: slow)
    func `that does not finish its request in time is told so and closed`(begun: String) async throws {
        let limits = limits {
            $0.headerDeadline = .milliseconds(60)
            $0.bodyDeadline = .milliseconds(60)
        }
        try await TestService(limits: limits).run { port in
            let answer = try await exchange(port, begun)
            #expect(answer.statuses == [408])
            #expect(answer.json["error"] == "request_timeout")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `that drips its head does not gain time by it`() async throws {
        try await TestService(limits: limits { $0.headerDeadline = .milliseconds(80) }).run { port in
            try await RawConnection.open(port) { connection, iterator in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    let outbound = connection.outbound
                    tasks.addTask {
                        // Ends when the server closes, or with the test.
                        while !Task.isCancelled {
                            try await outbound.write(ByteBuffer(string: "a"))
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                    try await connection.send("GET /hello HTTP/1.1\r\nHost: h\r\nX: ")
                    let answer = try await RawAnswer(until: "request_id", &iterator)
                    #expect(answer.status == 408)
                    tasks.cancelAll()
                }
            }
        }
    }

    @Test func `that reads nothing of a refusal is cut off`() async throws {
        let limits = limits { $0.lingerTimeout = .milliseconds(50) }
        let service = try TestService(limits: limits)
        try await service.run { port in
            try await RawConnection.open(port) { connection, iterator in
                try await connection.send("BREW / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try await RawAnswer(untilClose: &iterator).status == 501)
                // Our half stays open; the server must not wait for it for ever.
                #expect(
                    try await eventually {
                        service.bootstrap.metrics.exposition().contains("\nhttp_connections 0\n")
                    }
                )
            }
        }
    }
}
