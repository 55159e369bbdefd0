import Foundation
import Testing

@testable import Chassis

/// One thing no client may send, and what it is told.
struct Hostile: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let status: Int

    init(_ name: String, _ text: String, _ status: Int = 400) {
        self.name = name
        bytes = Array(text.utf8)
        self.status = status
    }

    init(_ name: String, bytes: [UInt8], _ status: Int = 400) {
        self.name = name
        self.bytes = bytes
        self.status = status
    }

    var testDescription: String { name }
}

@Suite struct `The HTTP edge` {
    private static func get(_ path: String, _ fields: String = "", host: String = "Host: h\r\n") -> String {
        "GET \(path) HTTP/1.1\r\n\(host)\(fields)\r\n"
    }

    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST /echo HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\(body)"
    }

    static let malformed: [Hostile] = [
        Hostile("CL and TE", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        Hostile("TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n")),
        Hostile("two CL that agree", post("Content-Length: 1\r\nContent-Length: 1\r\n", "a")),
        Hostile("two CL that differ", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab")),
        Hostile("list of CL", post("Content-Length: 1, 1\r\n", "a")),
        Hostile("signed CL", post("Content-Length: +1\r\n", "a")),
        Hostile("negative CL", post("Content-Length: -1\r\n")),
        Hostile("hexadecimal CL", post("Content-Length: 0x1\r\n", "a")),
        Hostile("empty CL", post("Content-Length: \r\n")),
        Hostile("endless CL", post("Content-Length: 99999999999999999999\r\n")),
        Hostile("CL with inner space", post("Content-Length: 1 0\r\n")),
        Hostile("TE gzip", post("Transfer-Encoding: gzip\r\n")),
        Hostile("TE gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
        Hostile(
            "TE chunked twice",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
        ),
        Hostile("TE chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
        Hostile("TE quoted", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")),
        Hostile("TE identity", post("Transfer-Encoding: identity\r\n")),
        Hostile("TE xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        Hostile("TE empty", post("Transfer-Encoding:\r\n")),
        Hostile("TE with vertical tab", post("Transfer-Encoding: \u{0b}chunked\r\n", "0\r\n\r\n")),
        Hostile(
            "TE over HTTP/1.0",
            "POST /echo HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        Hostile("obs-fold", get("/hello", "X-A: 1\r\n b\r\n")),
        Hostile("obs-fold with tab", get("/hello", "X-A: 1\r\n\tb\r\n")),
        Hostile("space before the first field", "GET /hello HTTP/1.1\r\n Host: h\r\n\r\n"),
        Hostile("space before colon", get("/hello", "X-A : 1\r\n")),
        Hostile("tab before colon", get("/hello", "X-A\t: 1\r\n")),
        Hostile("no colon", get("/hello", "X-A\r\n")),
        Hostile("empty name", get("/hello", ": 1\r\n")),
        Hostile("name with a control", get("/hello", "X\u{1}A: 1\r\n")),
        Hostile("name with brackets", get("/hello", "X(A): 1\r\n")),
        Hostile("bare LF between fields", "GET /hello HTTP/1.1\nHost: h\n\n"),
        Hostile("bare LF in a value", get("/hello", "X-A: 1\nX-B: 2\r\n")),
        Hostile("bare CR in a value", get("/hello", "X-A: 1\rX-B: 2\r\n")),
        Hostile("CR CR LF", get("/hello", "X-A: 1\r\r\n")),
        Hostile("NUL in a value", get("/hello", "X-A: 1\u{0}2\r\n")),
        Hostile("NUL in the target", get("/hel\u{0}lo")),
        Hostile("escape in a value", get("/hello", "X-A: \u{1b}[31m\r\n")),
        Hostile("DEL in a value", get("/hello", "X-A: \u{7f}\r\n")),
        Hostile("two Host fields", get("/hello", "Host: h\r\n")),
        Hostile("no Host", get("/hello", host: "")),
        Hostile("Host with user", get("/hello", host: "Host: a@b\r\n")),
        Hostile("Host list", get("/hello", host: "Host: a, b\r\n")),
        Hostile("Host with path", get("/hello", host: "Host: a/b\r\n")),
        Hostile("two Authorization", get("/hello", "Authorization: a\r\nauthorization: b\r\n")),
        Hostile("two X-Authorization", get("/hello", "X-Authorization: a\r\nX-AUTHORIZATION: a\r\n")),
        Hostile("percent at the end", get("/hello%")),
        Hostile("percent with one digit", get("/hello%4")),
        Hostile("percent with no digits", get("/hello%zz")),
        Hostile("encoded NUL", get("/hello%00")),
        Hostile("encoded invalid UTF-8", get("/hello%ff")),
        Hostile("encoded overlong slash", get("/hello%c0%af")),
        Hostile("encoded surrogate", get("/hello%ed%a0%80")),
        Hostile(
            "raw invalid UTF-8",
            bytes: Array("GET /hello".utf8) + [0xff] + Array(" HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        ),
        Hostile("raw UTF-8", get("/hellö")),
        Hostile("fragment", get("/hello#x")),
        Hostile("backslash", get("/hel\\lo")),
        Hostile("absolute target", get("http://other/hello")),
        Hostile("authority target", get("other:80")),
        Hostile("asterisk target", get("*")),
        Hostile("two spaces", "GET  /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("tab for space", "GET\t/hello HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("space after version", "GET /hello HTTP/1.1 \r\nHost: h\r\n\r\n"),
        Hostile("space before method", " GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("no version", "GET /hello\r\nHost: h\r\n\r\n"),
        Hostile("no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("lower-case version", "GET /hello http/1.1\r\nHost: h\r\n\r\n"),
        Hostile("method with a bracket", "GE{T /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("two empty lines first", "\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
        Hostile("TLS", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
        Hostile("chunk size with sign", post("Transfer-Encoding: chunked\r\n", "+1\r\na\r\n0\r\n\r\n")),
        Hostile("chunk size with 0x", post("Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n0\r\n\r\n")),
        Hostile("chunk size with space", post("Transfer-Encoding: chunked\r\n", "1 \r\na\r\n0\r\n\r\n")),
        Hostile("chunk size missing", post("Transfer-Encoding: chunked\r\n", "\r\na\r\n0\r\n\r\n")),
        Hostile("last chunk size missing", post("Transfer-Encoding: chunked\r\n", "\r\n\r\n")),
        Hostile("chunk size endless", post("Transfer-Encoding: chunked\r\n", "000000001\r\na\r\n0\r\n\r\n")),
        Hostile("chunk extension", post("Transfer-Encoding: chunked\r\n", "1;a=b\r\na\r\n0\r\n\r\n")),
        Hostile("chunk with LF only", post("Transfer-Encoding: chunked\r\n", "1\na\n0\n\n")),
        Hostile("chunk data too long", post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n")),
        Hostile("trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nX-A: 1\r\n\r\n")),
    ]

    static let excessive: [Hostile] = [
        Hostile("request line of 9 KiB", get("/" + String(repeating: "a", count: 9 * 1024)), 414),
        Hostile("request line without end", String(repeating: "a", count: 9 * 1024), 414),
        Hostile(
            "one field of 17 KiB",
            get("/hello", "X-A: \(String(repeating: "a", count: 17 * 1024))\r\n"),
            431
        ),
        Hostile(
            "fields of 17 KiB",
            get("/hello", String(repeating: "X-A: \(String(repeating: "a", count: 250))\r\n", count: 68)),
            431
        ),
        Hostile("101 fields", get("/hello", String(repeating: "X-A: 1\r\n", count: 100)), 431),
        Hostile("10,000 fields", get("/hello", String(repeating: "a:\r\n", count: 10_000)), 431),
        Hostile("declared body of 64 KiB and one byte", post("Content-Length: 65537\r\n"), 413),
        Hostile("declared body of 1 TB", post("Content-Length: 1000000000000\r\n"), 413),
        Hostile("chunks of 64 KiB and one byte", post("Transfer-Encoding: chunked\r\n", "10001\r\n"), 413),
        Hostile("chunk of 4 GiB", post("Transfer-Encoding: chunked\r\n", "ffffffff\r\n"), 413),
        Hostile(
            "tiny chunks without end",
            post("Transfer-Encoding: chunked\r\n", String(repeating: "1\r\na\r\n", count: 30_000)),
            413
        ),
        Hostile("TRACE", "TRACE /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        Hostile("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        Hostile("unknown method", "BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        Hostile("lower-case method", "get /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        Hostile("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Hostile("HTTP/1.2", "GET /hello HTTP/1.2\r\nHost: h\r\n\r\n", 505),
        Hostile("unknown expectation", post("Expect: miracles\r\nContent-Length: 1\r\n", "a"), 417),
    ]

    @Test(arguments: malformed + excessive)
    func `refuses, says why in the usual shape, and closes`(hostile: Hostile) async throws {
        let service = try TestService()
        try await service.run { port in
            // What follows would be answered if anybody mistook where the refused request ends.
            let smuggled = hostile.bytes + Array("GET /hello HTTP/1.1\r\nHost: smuggled\r\n\r\n".utf8)
            let answer = try await exchange(port, smuggled)
            #expect(answer.statuses == [hostile.status])
            #expect(answer.header("Connection") == "close")
            #expect(answer.header("X-Content-Type-Options") == "nosniff")
            let id = try #require(answer.header("X-Request-Id"))
            #expect(answer.json["request_id"] == id)
            #expect(answer.json["error"] == answer.json["error_code"])
            #expect(answer.json["message"]?.isEmpty == false)
            #expect(answer.header("Content-Length") == String(answer.body.utf8.count))
        }
        let line = try #require(service.log.objects.first { $0["message"] as? String == "Request refused." })
        #expect(line["status"] as? Int == hostile.status)
        #expect(line["request_id"] is String)
        #expect(service.bootstrap.metrics.exposition().contains("http_refused_total{code="))
    }

    @Test func `keeps the client's request id in a refusal when the head could be read`() async throws {
        try await TestService().run { port in
            let answer = try await exchange(
                port,
                Self.post("X-Request-Id: mine\r\nContent-Length: 999999\r\n")
            )
            #expect(answer.header("x-request-id") == "mine")
        }
    }

    @Test func `answers its refusals in the path's format`() async throws {
        let errors = ErrorAnswers(format: { $0.hasPrefix("/api/auth") ? .messageAndCode : .standard })
        try await TestService(errors: errors).run { port in
            let answer = try await exchange(
                port,
                "POST /api/auth/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n"
            )
            #expect(answer.status == 413)
            #expect(answer.json["code"] == "BODY_TOO_LARGE")
        }
    }

    static let accepted: [Hostile] = [
        Hostile("plain", get("/hello", "Connection: close\r\n"), 200),
        Hostile("one empty line first", "\r\n" + get("/hello", "Connection: close\r\n"), 200),
        Hostile("close in capitals and a list", get("/hello", "Connection: foo, CLOSE\r\n"), 200),
        Hostile(
            "100 fields",
            get("/hello", String(repeating: "X-A: 1\r\n", count: 98) + "Connection: close\r\n"),
            200
        ),
        Hostile(
            "header block of just under 16 KiB",
            get("/hello", "X-A: \(String(repeating: "a", count: 16_300))\r\nConnection: close\r\n"),
            200
        ),
        Hostile(
            "request line of just under 8 KiB",
            get("/hello?" + String(repeating: "a", count: 8160), "Connection: close\r\n"),
            200
        ),
        Hostile("percent-encoded UTF-8", get("/hello/%C3%A9", "Connection: close\r\n"), 404),
        Hostile(
            "odd bytes in a value",
            bytes: Array("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ".utf8) + [0xff, 0x09]
                + Array("\r\n\r\n".utf8),
            200
        ),
        Hostile("HTTP/1.0 without Host", "GET /hello HTTP/1.0\r\n\r\n", 200),
        Hostile(
            "Host with a port",
            get("/hello", "Connection: close\r\n", host: "Host: [::1]:8080\r\n"),
            200
        ),
        Hostile(
            "body of 64 KiB",
            post("Connection: close\r\nContent-Length: 65536\r\n", String(repeating: "a", count: 65_536)),
            200
        ),
        Hostile(
            "chunked body of 64 KiB",
            post(
                "Connection: close\r\nTransfer-Encoding: chunked\r\n",
                "10000\r\n\(String(repeating: "a", count: 65_536))\r\n0\r\n\r\n"
            ),
            200
        ),
        Hostile(
            "chunked in capitals",
            post("Connection: close\r\nTransfer-Encoding: CHUNKED\r\n", "00A\r\n0123456789\r\n0\r\n\r\n"),
            200
        ),
        Hostile(
            "upgrade that is ignored",
            get("/hello", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
            200
        ),
        Hostile("OPTIONS", "OPTIONS /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 405),
        Hostile("body on a GET", get("/hello", "Connection: close\r\nContent-Length: 2\r\n") + "ab", 200),
    ]

    @Test(arguments: accepted)
    func `takes what is within the limits`(request: Hostile) async throws {
        try await TestService().run { port in
            let answer = try await exchange(port, request.bytes)
            #expect(answer.statuses == [request.status])
        }
    }

    @Test(arguments: accepted)
    func `takes it byte by byte just the same`(request: Hostile) async throws {
        try await TestService().run { port in
            let answer = try await RawConnection.open(port) { connection, iterator in
                let step = max(1, request.bytes.count / 200)
                for start in stride(from: 0, to: request.bytes.count, by: step) {
                    try await connection.send(
                        Array(request.bytes[start..<min(start + step, request.bytes.count)])
                    )
                }
                return try await RawAnswer(untilClose: &iterator)
            }
            #expect(answer.statuses == [request.status])
        }
    }
}
