import Foundation
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import Chassis

@Suite struct `A graceful shutdown` {
    private let get = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

    @Test func `says 503, closes what is kept alive, and finishes what it accepted`() async throws {
        let entered = AsyncStream.makeStream(of: Void.self)
        let release = AsyncStream.makeStream(of: Void.self)
        let service = try TestService(["SHUTDOWN_DRAIN": "2s"]) { router in
            router.get("slow") { _, _ in
                entered.continuation.yield()
                var iterator = release.stream.makeAsyncIterator()
                await iterator.next()
                return "finished"
            }
        }
        try await service.runGroup { port, group in
            try await RawConnection.open(port) { slow, slowAnswers in
                try await slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                var arrivals = entered.stream.makeAsyncIterator()
                await arrivals.next()
                try await RawConnection.open(port) { kept, keptAnswers in
                    try await kept.send(get)
                    #expect(try await RawAnswer(until: "hello", &keptAnswers).header("Connection") == nil)

                    await group.triggerGracefulShutdown()
                    #expect(try await eventually { service.bootstrap.drain.isDraining })

                    try await kept.send(get)
                    let last = try await RawAnswer(untilClose: &keptAnswers)
                    #expect(last.status == 200)
                    #expect(last.header("Connection") == "close")
                }
                let ready = try await exchange(port, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(ready.statuses == [503], "new connections are still accepted while draining")
                #expect(ready.body.contains(#""shutdown":"draining""#))
                release.continuation.yield()
                let answer = try await RawAnswer(untilClose: &slowAnswers)
                #expect(answer.status == 200)
                #expect(answer.body == "finished")
            }
        }
    }

    @Test func `stops listening after the drain, and still finishes`() async throws {
        let entered = AsyncStream.makeStream(of: Void.self)
        let release = AsyncStream.makeStream(of: Void.self)
        let service = try TestService { router in
            router.get("slow") { _, _ in
                entered.continuation.yield()
                var iterator = release.stream.makeAsyncIterator()
                await iterator.next()
                return "finished"
            }
        }
        try await service.runGroup { port, group in
            try await RawConnection.open(port) { slow, slowAnswers in
                try await slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                var arrivals = entered.stream.makeAsyncIterator()
                await arrivals.next()
                await group.triggerGracefulShutdown()
                var isListening = true
                while isListening {
                    do { _ = try await exchange(port, "") } catch { isListening = false }
                }
                release.continuation.yield()
                #expect(try await RawAnswer(untilClose: &slowAnswers).body == "finished")
            }
        }
    }

    @Test func `does not wait for idle connections`() async throws {
        let service = try TestService()
        try await service.runGroup { port, group in
            try await RawConnection.open(port) { idle, answers in
                try await idle.send(get)
                _ = try await RawAnswer(until: "hello", &answers)
                await group.triggerGracefulShutdown()
                #expect(try await RawAnswer(untilClose: &answers).text.isEmpty)
            }
        }
    }

    @Test func `lets a request that has begun come in full`() async throws {
        let service = try TestService()
        try await service.runGroup { port, group in
            try await RawConnection.open(port) { half, answers in
                try await half.send(
                    "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
                )
                _ = try await RawAnswer(until: "\r\n\r\n", &answers)
                await group.triggerGracefulShutdown()
                var isListening = true
                while isListening {
                    do { _ = try await exchange(port, "") } catch { isListening = false }
                }
                try await half.send("body")
                let answer = try await RawAnswer(untilClose: &answers)
                #expect(answer.body == "body")
                #expect(answer.header("Connection") == "close")
            }
        }
    }

    @Test func `gives up after the time allowed`() async throws {
        let entered = AsyncStream.makeStream(of: Void.self)
        let service = try TestService(["SHUTDOWN_TIMEOUT": "200ms"]) { router in
            router.get("stuck") { _, _ in
                entered.continuation.yield()
                try await Task.sleep(for: .seconds(3600))
                return "never"
            }
        }
        let time = await ContinuousClock().measure {
            _ = try? await service.runGroup { port, group in
                try await RawConnection.open(port) { stuck, answers in
                    try await stuck.send("GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n")
                    var arrivals = entered.stream.makeAsyncIterator()
                    await arrivals.next()
                    await group.triggerGracefulShutdown()
                    _ = try await RawAnswer(untilClose: &answers)
                }
            }
        }
        #expect(time < .seconds(60))
    }

    @Test func `is not what a failure looks like`() async throws {
        struct Failing: Service {
            struct Failure: Error {}
            func run() async throws { throw Failure() }
        }
        let service = try TestService()
        await #expect(throws: Failing.Failure.self) {
            try await service.bootstrap.run([service.server, Failing()])
        }
        #expect(!service.bootstrap.drain.isDraining)
        #expect(service.log.objects.contains { $0["level"] as? String == "critical" })
    }

    @Test func `is not what a taken port looks like, of which one line tells`() async throws {
        let first = try TestService()
        try await first.run { port in
            let second = try TestService(["HTTP_PORT": "\(port)"])
            let refused = SettingsError(
                name: "HTTP_PORT",
                reason: "is taken: something else listens on 127.0.0.1:\(port)"
            )
            await #expect(throws: refused) { try await second.bootstrap.run([second.server]) }
            #expect(second.log.objects.map { $0["level"] as? String } == ["notice"])
        }
    }

    @Test func `stops services in reverse order`() async throws {
        let order = Mutex<[String]>([])
        struct Noting: Service {
            let name: String
            let note: @Sendable (String) -> Void
            func run() async throws {
                try await gracefulShutdown()
                note(name)
            }
        }
        let service = try TestService()
        let note: @Sendable (String) -> Void = { name in order.withLock { $0.append(name) } }
        let group = ServiceGroup(
            configuration: service.bootstrap.configuration([
                Noting(name: "pool", note: note), Noting(name: "feed", note: note),
            ])
        )
        async let ended: Void = group.run()
        await group.triggerGracefulShutdown()
        try await ended
        #expect(order.withLock { $0 } == ["feed", "pool"])
    }
}
