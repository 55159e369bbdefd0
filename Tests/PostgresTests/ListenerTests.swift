import Foundation
import Synchronization
import TestCluster
import Testing

@testable import Postgres

@Suite(.serialized)
struct `a listener` {
    private func withListener(
        url: String,
        timing: ListenerTiming = ListenerTiming(),
        _ body: (PostgresListener, EventLog) async throws -> Void
    ) async throws {
        let listener = try PostgresListener(
            settings(url),
            channels: ["things", "others"],
            logger: quiet,
            timing: timing
        )
        let log = EventLog()
        let reading = Task {
            for await event in listener.events { log.append(event) }
            return true
        }
        try await whileRunning(listener.run) {
            try await eventually("it listens") { log.all == [.resync] && listener.status.isConnected }
            try await body(listener, log)
        }
        // The events end with the listener.
        #expect(await reading.value)
    }

    @Test func `tells of a first session and of what is notified`() async throws {
        try await TestCluster.shared.withDatabase { url in
            try await withListener(url: url) { listener, log in
                try await PostgresConnection.withConnection(settings(url)) { session in
                    try await session.execute(
                        script: "NOTIFY things; NOTIFY strangers; NOTIFY others, 'payload'"
                    )
                }
                try await eventually("both arrive") { log.all.count == 3 }
                #expect(
                    Set(log.all) == [
                        .resync, .notification(channel: "things"), .notification(channel: "others"),
                    ]
                )
                #expect(listener.status.reconnects == 0)
                #expect(listener.status.lastHeard != nil)
            }
        }
    }

    @Test func `makes one event of a storm that nobody reads`() async throws {
        let storm = Statement<Int, Void>(
            "SELECT pg_notify('things', n::text) FROM generate_series(1, $1) AS n"
        )
        try await TestCluster.shared.withDatabase { url in
            let listener = try PostgresListener(settings(url), channels: ["things"], logger: quiet)
            try await whileRunning(listener.run) {
                try await eventually("it listens") { listener.status.isConnected }
                try await PostgresConnection.withConnection(settings(url)) { session in
                    let before = listener.status.lastHeard
                    try await session.execute(storm.bind(100_000))
                    try await eventually("the storm has begun to arrive") {
                        listener.status.lastHeard != before
                    }
                }
                var events = listener.events.makeAsyncIterator()
                #expect(await events.next() == .resync)
                #expect(await events.next() == .notification(channel: "things"))
                #expect(listener.status.isConnected)
            }
        }
    }

    @Test func `listens again when its session is ended, and says that it may have missed something`()
        async throws
    {
        try await TestCluster.shared.withDatabase { url in
            try await withListener(url: url) { listener, log in
                try await PostgresConnection.withConnection(settings(url)) { session in
                    for round in 1...3 {
                        try await session.execute(
                            script: """
                                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                WHERE datname = current_database() AND pid <> pg_backend_pid()
                                """
                        )
                        try await eventually("a new session") {
                            log.all.count { $0 == .resync } == round + 1
                                && listener.status.reconnects == round
                        }
                        try await session.execute(script: "NOTIFY things")
                        try await eventually("it hears") {
                            log.all.count { $0 == .notification(channel: "things") } == round
                        }
                    }
                }
            }
        }
    }

    @Test func `notices within nine seconds that its link is dead, and is back within five of its return`()
        async throws
    {
        let cluster = try await TestCluster.shared
        let proxy = try TCPProxy(to: try #require(PostgresURL.port(of: cluster.url)))
        defer { proxy.close() }
        try await withListener(url: proxy.url(for: cluster.url)) { listener, log in
            proxy.freeze()
            let detection = try await eventually(within: .seconds(12), "it notices") {
                !listener.status.isConnected
            }
            #expect(detection <= .seconds(9))
            proxy.thaw()
            let recovery = try await eventually(within: .seconds(12), "it is back") {
                listener.status.isConnected
            }
            #expect(recovery <= .seconds(6))
            try await eventually("it says so") { log.all.count { $0 == .resync } == 2 }
        }
    }

    @Test func `notices that its session no longer listens`() async throws {
        let timing = ListenerTiming(pingInterval: .milliseconds(50))
        try await TestCluster.shared.withDatabase { url in
            let parameters = try ConnectionParameters(settings(url))
            let link = try await ListenerLink.open(parameters, .seconds(5)) { _ in }
            try await link.listen(["things"], deadline: .seconds(5))
            try await link.check(["things"], deadline: .seconds(5))
            guard
                case .unavailable? = await failure({
                    try await link.check(["things", "others"], deadline: .seconds(5))
                })
            else {
                Issue.record("a channel it does not listen on was not missed")
                return
            }
            await link.close()
            // The same check is what runs between events.
            try await withListener(url: url, timing: timing) { listener, _ in
                let before = listener.status.lastHeard
                try await eventually("it has checked") { listener.status.lastHeard != before }
            }
        }
    }

    @Test func `survives a server that ends idle sessions`() async throws {
        let cluster = try await TestCluster.shared
        let name = try await cluster.createDatabase()
        try await cluster.execute("ALTER DATABASE \(name) SET idle_session_timeout = '100ms'")
        try await withListener(url: cluster.url(database: name)) { listener, log in
            try await Task.sleep(for: .milliseconds(400))
            #expect(listener.status.reconnects == 0)
            #expect(log.all == [.resync])
        }
        try await cluster.dropDatabase(name)
    }
}

/// Events in their order, for the test to look at.
final class EventLog: Sendable {
    private let events = Mutex<[PostgresEvent]>([])

    var all: [PostgresEvent] { events.withLock { $0 } }

    func append(_ event: PostgresEvent) {
        events.withLock { $0.append(event) }
    }
}
