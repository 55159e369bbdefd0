import Domain
import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Storage
import Synchronization
import Testing

@Suite struct `The change rows` {
    /// Every transaction changes a workspace of its own, so that one missed row is one missed workspace.
    @Test func `are all read, whatever the order in which transactions begin and end`() async throws {
        try await withInstallation { installation in
            var workspaces: [Workspace.ID] = []
            for _ in 0..<160 { workspaces.append(try await installation.workspace()) }
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            let writing = Writers(workspaces)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask { try await writing.run(writer, on: installation) }
                }
                group.addTask { try await writing.read(from: start, in: store) }
                try await group.waitForAll()
            }
            let (committed, rolledBack, seen) = writing.outcome
            #expect(committed.count > 60)
            #expect(rolledBack.count > 10)
            #expect(seen == committed)
        }
    }

    @Test func `are answered again while a transaction older than them is open, and not for ever`()
        async throws
    {
        try await withInstallation { installation in
            let first = try await installation.workspace()
            let second = try await installation.workspace()
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            var cursor = try await installation.superuser.transaction { older in
                _ = try await older.query(Tenant.enter.bind(first.text))
                try await older.execute(
                    script: "UPDATE workspaces SET name = 'older' WHERE id = '\(first.text)'"
                )
                try await installation.run(
                    "UPDATE workspaces SET name = 'n' WHERE id = '\(second.text)'",
                    in: second
                )
                let once = try await store.changes(since: start)
                #expect(once.epochs[second] == 2)
                let twice = try await store.changes(since: once.cursor)
                #expect(twice.epochs[second] == 2)
                #expect(twice.epochs[first] != 2)
                return twice.cursor
            }
            let after = try await store.changes(since: cursor)
            #expect(after.epochs[first] == 2)
            // As soon as no transaction of any database is as old.
            let isOver = try await eventually {
                let batch = try await store.changes(since: cursor)
                cursor = batch.cursor
                return batch.epochs.isEmpty
            }
            #expect(isOver)
        }
    }

    @Test func `answer the newest epoch of each workspace`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            for number in 0..<5 {
                try await installation.run(
                    "UPDATE workspaces SET name = 'n\(number)' WHERE id = '\(workspace.text)'",
                    in: workspace
                )
            }
            #expect(try await store.changes(since: start).epochs == [workspace: 6])
        }
    }
}

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

@Suite struct `A notification of change` {
    @Test func `is sent apart from the change, empty and on the channel that is listened to`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                let workspace = try await installation.workspace()
                try await AdministrationStore(pool: installation.administration).createGroup(
                    SSOGroup(id: SSOGroup.ID("g"), name: "g"),
                    in: workspace,
                    actor: "tests"
                )
                // Would come before this one if the change had notified.
                try await installation.run("NOTIFY marker")
                #expect(await events.next() == "marker")
                try await ChangeNotifier.send(over: installation.administration)
                #expect(await events.next() == ChangeStore.channel)
            }
        }
    }

    @Test func `is sent by each service's role`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                for role in ServiceRole.allCases {
                    try await ChangeNotifier.send(over: installation.pool(as: role))
                    #expect(await events.next() == ChangeStore.channel)
                }
            }
        }
    }

    @Test func `goes out soon after it is asked for`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                let notifier = ChangeNotifier(pool: installation.administration, logger: quiet)
                let running = Task { try await notifier.run() }
                for _ in 0..<3 {
                    for _ in 0..<100 { notifier.tell() }
                    #expect(await events.next() == ChangeStore.channel)
                }
                running.cancel()
                try await running.value
            }
        }
    }
}

/// Eight writers of change rows, and what they and the reader did.
private final class Writers: Sendable {
    private struct State {
        var left: [Workspace.ID]
        var committed = Set<Workspace.ID>()
        var rolledBack = Set<Workspace.ID>()
        var seen = Set<Workspace.ID>()
        var finished = 0
    }

    private struct RollBack: Error {}

    private let state: Mutex<State>

    init(_ workspaces: [Workspace.ID]) {
        state = Mutex(State(left: workspaces))
    }

    var outcome: (committed: Set<Workspace.ID>, rolledBack: Set<Workspace.ID>, seen: Set<Workspace.ID>) {
        state.withLock { ($0.committed, $0.rolledBack, $0.seen) }
    }

    /// Changes workspaces, each in a transaction that stays open for a while of its own and may be rolled back.
    func run(_ writer: Int, on installation: Installation) async throws {
        var entropy = Lehmer(seed: UInt64(writer + 1))
        while let workspace = state.withLock({ $0.left.popLast() }) {
            let isCommitted = Int.random(in: 0..<4, using: &entropy) > 0
            let before = Int.random(in: 0..<6, using: &entropy)
            let after = Int.random(in: 0..<20, using: &entropy)
            do {
                let pool = writer < 4 ? installation.superuser : installation.administration
                try await pool.transaction { transaction in
                    for _ in 0..<before { _ = try await transaction.query(roundTrip.bind()) }
                    _ = try await transaction.pipeline(
                        Tenant.enter.bind(workspace.text),
                        change.bind(workspace.raw)
                    )
                    for _ in 0..<after { _ = try await transaction.query(roundTrip.bind()) }
                    if !isCommitted { throw RollBack() }
                }
                state.withLock { _ = $0.committed.insert(workspace) }
            } catch is RollBack {
                state.withLock { _ = $0.rolledBack.insert(workspace) }
            }
        }
        state.withLock { $0.finished += 1 }
    }

    /// Reads from one cursor to the next until all writers have ended, and once more.
    func read(from start: Int64, in store: ChangeStore) async throws {
        var cursor = start
        var isLast = false
        while true {
            let batch = try await store.changes(since: cursor)
            cursor = batch.cursor
            // The first epoch is that of the workspace's own making, which other databases' transactions may keep
            // within the window.
            let changed = batch.epochs.filter { $0.value == 2 }.keys
            state.withLock { $0.seen.formUnion(changed) }
            if isLast { return }
            isLast = state.withLock { $0.finished == 8 }
        }
    }
}

private let roundTrip = Statement<Void>("SELECT 1")
private let change = Statement<UUID, Void>("UPDATE workspaces SET name = name || 'x' WHERE id = $1")

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

/// The notifications of one listener, as the names of their channels.
private final class Notifications {
    private var events: PostgresEvents.Iterator

    init(_ events: PostgresEvents) {
        self.events = events.makeAsyncIterator()
    }

    func next() async -> String? {
        while let event = await events.next() {
            if case .notification(let channel) = event { return channel }
        }
        return nil
    }

    func begin() async {
        while let event = await events.next(), event != .resync {}
    }
}

private func withListener(
    on installation: Installation,
    _ body: (Notifications) async throws -> Void
) async throws {
    let settings = PostgresSettings(url: installation.url, applicationName: "tests")
    let listener = try PostgresListener(
        patient(settings),
        channels: [ChangeStore.channel, "marker"],
        logger: quiet
    )
    let running = Task { try await listener.run() }
    let notifications = Notifications(listener.events)
    await notifications.begin()
    do {
        try await body(notifications)
        running.cancel()
        try await running.value
    } catch {
        running.cancel()
        try await running.value
        throw error
    }
}

/// A log that only says that something was logged.
private struct Counting: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning
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
