import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

@testable import Chassis

@Suite struct `The request pipeline` {
    struct Bug: Error, CustomStringConvertible { let description = "marked-inside: select * from keys" }
    struct Away: Error {}

    private func service(errors: ErrorAnswers = ErrorAnswers()) throws -> TestService {
        try TestService(errors: errors) { router in
            router.get("bug") { _, _ -> String in throw Bug() }
            router.get("away") { _, _ -> String in throw Away() }
            router.get("cancelled") { _, _ -> String in throw CancellationError() }
            router.get("framework") { _, _ -> String in throw HTTPError(.badRequest, message: "marked-inside")
            }
            router.get("things/{id}") { _, _ -> String in throw HTTPError(.notFound) }
            router.post("things/{id}") { _, _ in "made" }
            router.get("refused") { _, _ -> String in
                throw PlainRefusal(
                    .tooManyRequests,
                    code: "rate_limited",
                    message: "Slow \"down\".",
                    details: ["field": "x"],
                    retryAfter: .milliseconds(1500)
                )
            }
            router.get("cached") { _, _ in
                Response(
                    status: .ok,
                    headers: [.cacheControl: "max-age=60", .contentSecurityPolicy: "default-src 'self'"]
                )
            }
            router.group("api/auth").add(middleware: ErrorFormatMiddleware(.messageAndCode))
                .get("refused") { _, _ -> String in throw PlainRefusal.invalidRequest(field: "email", "No.") }
            router.get("client") { _, context in "\(context.facts.client) \(context.facts.id)" }
            router.get("logged") { _, context in
                context.logger.info("Within.")
                return "ok"
            }
        }
    }

    private func ask(
        _ service: TestService,
        _ path: String,
        _ method: HTTPRequest.Method = .get,
        _ headers: HTTPFields = [:]
    ) async throws -> TestResponse {
        try await service.server.application.test(.router) { client in
            try await client.execute(uri: path, method: method, headers: headers)
        }
    }

    private func json(_ response: TestResponse) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [String: Any]
        )
    }

    @Test(arguments: ["/hello", "/nope", "/bug", "/refused", "/healthz"])
    func `puts a request id and the security fields on every answer`(path: String) async throws {
        let response = try await ask(try service(), path, .get, [.requestID: "mine-1"])
        #expect(response.headers[.requestID] == "mine-1")
        #expect(response.headers[.xContentTypeOptions] == "nosniff")
        #expect(response.headers[.contentSecurityPolicy] == "frame-ancestors 'none'")
        #expect(response.headers[.cacheControl] == "no-store")
        #expect(response.headers[.referrerPolicy] == "no-referrer")
    }

    @Test func `keeps what a handler says about caching and framing`() async throws {
        let response = try await ask(try service(), "/cached")
        #expect(response.headers[.cacheControl] == "max-age=60")
        #expect(response.headers[.contentSecurityPolicy] == "default-src 'self'")
    }

    @Test func `makes an id when the client's is malformed`() async throws {
        let response = try await ask(try service(), "/hello", .get, [.requestID: "not well formed"])
        let id = try #require(response.headers[.requestID])
        #expect(id != "not well formed" && RequestIdentity(id) != nil)
    }

    @Test func `renders a refusal with everything the client needs`() async throws {
        let response = try await ask(try service(), "/refused", .get, [.requestID: "r1"])
        #expect(response.status == .tooManyRequests)
        #expect(response.headers[.retryAfter] == "2")
        #expect(response.headers[.contentType] == "application/json")
        let body = try json(response)
        #expect(body["error"] as? String == "rate_limited")
        #expect(body["error_code"] as? String == "rate_limited")
        #expect(body["message"] as? String == "Slow \"down\".")
        #expect(body["request_id"] as? String == "r1")
        #expect((body["details"] as? [String: String]) == ["field": "x"])
    }

    @Test func `says nothing about a bug to the client, and everything to the log`() async throws {
        let service = try service()
        let response = try await ask(service, "/bug", .get, [.requestID: "r2"])
        #expect(response.status == .internalServerError)
        #expect(!String(buffer: response.body).contains("marked-inside"))
        #expect(try json(response)["error"] as? String == "internal_error")
        let line = try #require(service.log.objects.first { $0["level"] as? String == "error" })
        #expect((line["error"] as? String)?.contains("marked-inside") == true)
        #expect(line["request_id"] as? String == "r2")
    }

    @Test func `says nothing of the framework's own texts`() async throws {
        let response = try await ask(try service(), "/framework")
        #expect(response.status == .badRequest)
        #expect(try json(response)["error"] as? String == "invalid_request")
        #expect(!String(buffer: response.body).contains("marked-inside"))
    }

    @Test func `answers 503 when something is away`() async throws {
        let service = try service(errors: ErrorAnswers(isUnavailability: { $0 is Away }))
        for path in ["/away", "/cancelled"] {
            let response = try await ask(service, path)
            #expect(response.status == .serviceUnavailable)
            #expect(response.headers[.retryAfter] == "1")
            #expect(try json(response)["error"] as? String == "temporarily_unavailable")
        }
        #expect(!service.log.objects.contains { $0["level"] as? String == "error" })
    }

    @Test func `answers in the format of the route group`() async throws {
        let response = try await ask(try service(), "/api/auth/refused")
        #expect(try json(response) as? [String: String] == ["message": "No.", "code": "INVALID_REQUEST"])
    }

    @Test func `answers in the format of the path when no route matched`() async throws {
        let errors = ErrorAnswers(format: { $0.hasPrefix("/api/auth/") ? .messageAndCode : .problem })
        let service = try service(errors: errors)
        #expect(try json(await ask(service, "/api/auth/nope"))["code"] as? String == "NOT_FOUND")
        let problem = try await ask(service, "/nope", .get, [.requestID: "r3"])
        #expect(problem.headers[.contentType] == "application/problem+json")
        let body = try json(problem)
        #expect(body["status"] as? Int == 404)
        #expect(body["code"] as? String == "not_found")
        #expect(body["requestId"] as? String == "r3")
    }

    @Test func `tells a wrong method from a wrong path`() async throws {
        let service = try service()
        let wrong = try await ask(service, "/things/1", .delete)
        #expect(wrong.status == .methodNotAllowed)
        #expect(wrong.headers[.allow] == "GET, HEAD, POST")
        #expect(try json(wrong)["error"] as? String == "method_not_allowed")
        #expect(try await ask(service, "/things/1/2", .delete).status == .notFound)
        #expect(try await ask(service, "/things/1").status == .notFound, "thrown by the handler")
    }

    @Test func `writes one line a request, with the route's template`() async throws {
        let service = try service()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        _ = try await ask(
            service,
            "/things/17?secret=marked",
            .post,
            [.traceParent: parent, .requestID: "r4"]
        )
        let lines = service.log.objects.filter { $0["level"] as? String == "info" }
        try #require(lines.count == 1)
        #expect(lines[0]["route"] as? String == "/things/{id}")
        #expect(lines[0]["method"] as? String == "POST")
        #expect(lines[0]["status"] as? Int == 200)
        #expect(lines[0]["duration_ms"] is Double)
        #expect(lines[0]["request_id"] as? String == "r4")
        #expect(lines[0]["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
        #expect((lines[0]["span_id"] as? String)?.count == 16)
        #expect(!service.log.lines.joined().contains("marked"))
    }

    @Test func `gives the handler's lines the request id`() async throws {
        let service = try service()
        _ = try await ask(service, "/logged", .get, [.requestID: "r5", .traceParent: "nonsense"])
        let line = try #require(service.log.objects.first { $0["message"] as? String == "Within." })
        #expect(line["request_id"] as? String == "r5")
        #expect(line["trace_id"] == nil)
    }

    @Test func `counts by template, method and status, never by what a client makes up`() async throws {
        let service = try service()
        _ = try await ask(service, "/things/1", .post)
        _ = try await ask(service, "/things/2", .post)
        _ = try await ask(service, "/made-up-1")
        _ = try await ask(service, "/made-up-2", try #require(.init("BREW")))
        let text = service.bootstrap.metrics.exposition()
        #expect(text.contains(#"http_requests_total{method="POST",route="/things/{id}",status="200"} 2"#))
        #expect(text.contains(#"http_requests_total{method="GET",route="unmatched",status="404"} 1"#))
        #expect(text.contains(#"http_requests_total{method="other",route="unmatched",status="404"} 1"#))
        #expect(text.contains(#"http_request_duration_seconds_count{method="POST",route="/things/{id}"} 2"#))
        #expect(!text.contains("made-up"))
    }

    @Test func `refuses a body beyond a handler's own limit`() async throws {
        let service = try TestService { router in
            router.post("small") { request, _ in
                _ = try await request.collectBody(limit: 3)
                return "ok"
            }
        }
        let response = try await service.server.application.test(.router) { client in
            try await client.execute(uri: "/small", method: .post, body: ByteBuffer(string: "1234"))
        }
        #expect(response.status == .contentTooLarge)
        #expect(try json(response)["error"] as? String == "body_too_large")
    }
}

@Suite struct `Health` {
    private func ask(_ service: TestService, _ path: String) async throws -> TestResponse {
        try await service.server.application.test(.router) { try await $0.execute(uri: path, method: .get) }
    }

    @Test func `is alive whatever the checks say`() async throws {
        let service = try TestService(readiness: [ReadinessCheck("database") { "unreachable" }])
        #expect(try await ask(service, "/healthz").status == .ok)
    }

    @Test func `names every check and its reason`() async throws {
        let service = try TestService(readiness: [
            ReadinessCheck("database") { nil }, ReadinessCheck("feed") { "older than \"5 s\"" },
        ])
        let response = try await ask(service, "/readyz")
        #expect(response.status == .serviceUnavailable)
        let expected =
            #"{"ready":false,"checks":{"shutdown":"ok","database":"ok","feed":"older than \"5 s\""}}"#
        #expect(String(buffer: response.body) == expected)
    }

    @Test func `is ready when all is well, and not while draining`() async throws {
        let service = try TestService(readiness: [ReadinessCheck("database") { nil }])
        let ready = try await ask(service, "/readyz")
        #expect(ready.status == .ok)
        #expect(String(buffer: ready.body) == #"{"ready":true,"checks":{"shutdown":"ok","database":"ok"}}"#)
        service.bootstrap.drain.raise()
        #expect(try await ask(service, "/readyz").status == .serviceUnavailable)
        #expect(try await ask(service, "/healthz").status == .ok)
    }

    @Test func `shows metrics as Prometheus reads them`() async throws {
        let response = try await ask(try TestService(), "/metrics")
        #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(String(buffer: response.body).contains("# TYPE http_connections gauge"))
    }
}
