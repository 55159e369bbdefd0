import Domain
import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Storage
import Synchronization
import Testing

@Suite struct `A node's feed` {
    @Test func `serves what is there and what changes, though nobody notifies it`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace(slug: "demo")
            try await withFeed(on: installation) { feed, node in
                #expect(try await eventually { feed.current.workspace(named: "demo") != nil })
                #expect(feed.current.isFresh(at: .now))
                #expect(feed.current[workspace]?.entry == "https://sso.example/w/demo")

                try await installation.run(
                    "UPDATE workspaces SET slug = 'renamed' WHERE id = '\(workspace.text)'",
                    in: workspace
                )
                let other = try await installation.workspace(slug: "other")
                #expect(
                    try await eventually {
                        feed.current.workspace(named: "renamed") != nil
                            && feed.current.workspace(named: "other") != nil
                    }
                )
                #expect(feed.current.workspace(named: "demo") == nil)

                try await installation.run("DELETE FROM workspaces WHERE id = '\(other.text)'", in: other)
                #expect(try await eventually { feed.current[other] == nil })
                #expect(feed.current[workspace] != nil)
            }
        }
    }

    @Test func `serves the admin without secrets`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let feed = ConfigurationFeed(
                pool: installation.administration,
                node: .init(service: "sso-admin"),
                readsSecrets: false,
                logger: quiet
            ) { $0.epoch }
            let running = Task { try await feed.run() }
            let isServed = try await eventually { feed.current[workspace]?.entry == 1 }
            #expect(isServed)
            #expect(feed.current.isFresh(at: .now))
            running.cancel()
            try await running.value
        }
    }

    @Test func `says which epochs it has applied, and leaves the list when it stops`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            func acknowledged() async throws -> Int? {
                try await installation.number(
                    "SELECT max(epoch) FROM node_epochs WHERE workspace_id = '\(workspace.text)'"
                )
            }
            try await withFeed(on: installation) { feed, node in
                #expect(try await eventually { try await acknowledged() == 1 })
                try await installation.run(
                    "UPDATE workspaces SET name = 'x' WHERE id = '\(workspace.text)'",
                    in: workspace
                )
                feed.wake()
                #expect(try await eventually { try await acknowledged() == 2 })
                #expect(feed.current[workspace]?.snapshot.epoch == 2)
                let nodes = try await installation.texts(
                    "SELECT concat_ws(' ', id, service, host) FROM nodes"
                )
                #expect(nodes == ["\(node.uuidString.lowercased()) token-exchange here"])
            }
            #expect(try await installation.number("SELECT count(*) FROM nodes") == 0)
            #expect(try await installation.number("SELECT count(*) FROM node_epochs") == 0)
        }
    }

    @Test func `returns to the list when it was taken off it for its silence`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            try await withFeed(on: installation) { feed, _ in
                let listed = "SELECT count(*) FROM node_epochs"
                #expect(try await eventually { try await installation.number(listed) == 1 })
                try await installation.run("DELETE FROM nodes")
                try await installation.run(
                    "UPDATE workspaces SET name = 'x' WHERE id = '\(workspace.text)'",
                    in: workspace
                )
                feed.wake()
                #expect(try await eventually { try await installation.number(listed) == 1 })
                #expect(feed.current[workspace]?.snapshot.epoch == 2)
            }
        }
    }

    @Test func `finds what changed though its change rows are gone, once asked to compare everything`()
        async throws
    {
        try await withInstallation { installation in
            let workspace = try await installation.workspace(slug: "demo")
            try await withFeed(on: installation) { feed, _ in
                #expect(try await eventually { feed.current[workspace] != nil })
                try await installation.run(
                    """
                    UPDATE workspaces SET slug = 'renamed' WHERE id = '\(workspace.text)';
                    DELETE FROM changes;
                    """,
                    in: workspace
                )
                feed.wake(resync: true)
                #expect(try await eventually { feed.current.workspace(named: "renamed") != nil })
                #expect(feed.current.workspace(named: "demo") == nil)
            }
        }
    }

    @Test func `follows a database that was set back`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace(slug: "demo")
            let gone = try await installation.workspace(slug: "gone")
            try await installation.run(
                "UPDATE workspaces SET slug = 'later' WHERE id = '\(workspace.text)'",
                in: workspace
            )
            try await withFeed(on: installation) { feed, _ in
                #expect(try await eventually { feed.current[workspace]?.snapshot.epoch == 2 })
                try await installation.run(
                    """
                    ALTER TABLE workspaces DISABLE TRIGGER workspaces_record_change;
                    UPDATE workspaces SET slug = 'demo' WHERE id = '\(workspace.text)';
                    DELETE FROM workspaces WHERE id = '\(gone.text)';
                    UPDATE workspace_epochs SET epoch = 1 WHERE workspace_id = '\(workspace.text)';
                    DELETE FROM workspace_epochs WHERE workspace_id = '\(gone.text)';
                    DELETE FROM changes;
                    """,
                    in: workspace
                )
                feed.wake(resync: true)
                #expect(try await eventually { feed.current[workspace]?.snapshot.epoch == 1 })
                #expect(try await eventually { feed.current[gone] == nil })
                #expect(feed.current.workspace(named: "demo") != nil)
                #expect(feed.current.workspace(named: "later") == nil)
            }
        }
    }

    @Test func `is not fresh while the database is away, and is again when it is back`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let database = URL(string: installation.url)?.lastPathComponent ?? ""
            let failures = Mutex(0)
            let logger = Logger(label: "feed") { _ in Counting { failures.withLock { $0 += 1 } } }
            try await withFeed(on: installation, logger: logger) { feed, _ in
                #expect(try await eventually { feed.current[workspace] != nil })
                let administration = try PostgresPool(
                    patient(PostgresSettings(url: try await maintenanceURL(), applicationName: "tests")),
                    logger: quiet
                )
                let running = Task { try await administration.run() }
                try await administration.withSession { session in
                    try await session.execute(script: "ALTER DATABASE \(database) ALLOW_CONNECTIONS false")
                    try await session.execute(
                        script:
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)'"
                    )
                }
                let seen = failures.withLock { $0 }
                #expect(try await eventually { failures.withLock { $0 } >= seen + 2 })
                let lost = try #require(feed.current.confirmedAt)
                let failed = failures.withLock { $0 }
                #expect(try await eventually { failures.withLock { $0 } > failed })
                // What it has is still there, and is not to be decided on for longer than five seconds.
                #expect(feed.current.confirmedAt == lost)
                #expect(feed.current[workspace] != nil)
                #expect(!feed.current.isFresh(at: lost + .seconds(5)))

                try await administration.withSession { session in
                    try await session.execute(script: "ALTER DATABASE \(database) ALLOW_CONNECTIONS true")
                }
                #expect(try await eventually { feed.current.confirmedAt.map { $0 > lost } ?? false })
                #expect(feed.current.isFresh(at: .now))
                running.cancel()
                try await running.value
            }
        }
    }

    @Test func `reads no more than twenty times a second, however often it is woken`() async throws {
        try await withInstallation { installation in
            _ = try await installation.workspace()
            try await withFeed(on: installation) { feed, _ in
                let hasBegun = try await eventually { feed.current.confirmedAt != nil }
                #expect(hasBegun)
                let start = ContinuousClock.now
                var reads = Set<ContinuousClock.Instant>()
                while ContinuousClock.now < start + .seconds(1) {
                    feed.wake()
                    if let confirmed = feed.current.confirmedAt { reads.insert(confirmed) }
                    await Task.yield()
                }
                #expect(reads.count <= 22)
                #expect(reads.count >= 2)
            }
        }
    }
}

private func withFeed(
    on installation: Installation,
    logger: Logger = quiet,
    _ body: (ConfigurationFeed<String>, UUID) async throws -> Void
) async throws {
    let node = UUID()
    let feed = ConfigurationFeed(
        pool: installation.exchange,
        node: .init(id: node, service: "token-exchange", host: "here", startedAt: now),
        logger: logger
    ) { $0.workspace.issuer }
    let group = ServiceGroup(services: [feed], logger: quiet)
    let running = Task { try await group.run() }
    do {
        try await body(feed, node)
        await group.triggerGracefulShutdown()
        try await running.value
    } catch {
        await group.triggerGracefulShutdown()
        try await running.value
        throw error
    }
}

/// A log that only says that something was logged.
private struct Counting: LogHandler {
    var metadata: Logger.Metadata = [:]
    // A failure after another is told in passing.
    var logLevel = Logger.Level.debug
    let count: @Sendable () -> Void

    init(_ count: @escaping @Sendable () -> Void) {
        self.count = count
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        count()
    }
}
