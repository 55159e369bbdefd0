package import Domain
package import FoundationEssentials
package import Logging
import Metrics
package import Postgres
import ServiceLifecycle
import Synchronization

/// Keeps one node's view of the control data as the database has it.
///
/// The truth is the change rows: they are read on every wake-up and at least every second, so a lost, late or forged
/// notification costs at most that. Whoever decides takes the current view, which is immutable, and asks whether it
/// is fresh. A view confirmed by no successful read for five seconds is not.
package final class ConfigurationFeed<Entry: Sendable>: Service {
    /// Who the node is, for those who ask which nodes have a change.
    package struct Node: Sendable {
        /// The identity.
        package let id: UUID
        /// Which program it is.
        package let service: String
        /// The machine it runs on.
        package let host: String
        /// When it started.
        package let startedAt: Date

        package init(id: UUID, service: String, host: String, startedAt: Date) {
            self.id = id
            self.service = service
            self.host = host
            self.startedAt = startedAt
        }
    }

    private let configuration: ConfigurationStore
    private let changes: ChangeStore
    private let node: Node
    private let logger: Logger
    private let makeEntry: @Sendable (WorkspaceSnapshot) -> Entry
    private let view = Mutex(ConfigurationView<Entry>())
    private let wakeUps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let resyncRequested = Mutex(true)
    private let reads = Counter(label: "change_feed_reads_total")
    private let failures = Counter(label: "change_feed_failures_total")
    private let loads = Counter(label: "change_feed_workspaces_loaded_total")
    private let confirmed = Gauge(label: "change_feed_confirmed_timestamp_seconds")

    /// Longest pause between two reads, before jitter of a fifth either way.
    private let interval: Duration = .seconds(1)
    /// Pause after a read that failed: no view may go stale because a database that is back was asked late.
    private let pauseAfterFailure: Duration = .milliseconds(250)
    /// Shortest pause: a flood of notifications makes no more than 20 reads a second.
    private let shortestInterval: Duration = .milliseconds(50)
    /// How often all epochs are compared, whatever the change rows say.
    private let reconciliation: Duration = .seconds(30)

    /// Makes a feed; `makeEntry` turns a snapshot into what the service keeps of it and must not block.
    ///
    /// `readsSecrets` is as in ``ConfigurationStore/init(pool:readsSecrets:)``.
    package init(
        pool: PostgresPool,
        node: Node,
        readsSecrets: Bool = true,
        logger: Logger,
        makeEntry: @escaping @Sendable (WorkspaceSnapshot) -> Entry
    ) {
        configuration = ConfigurationStore(pool: pool, readsSecrets: readsSecrets)
        changes = ChangeStore(pool: pool)
        self.node = node
        self.logger = logger
        self.makeEntry = makeEntry
    }

    /// The newest view.
    ///
    /// Cheap: copies references.
    package var current: ConfigurationView<Entry> {
        view.withLock { $0 }
    }

    /// Asks for a read soon; `resync` compares everything, for when notifications or change rows may have been missed.
    package func wake(resync: Bool = false) {
        if resync { resyncRequested.withLock { $0 = true } }
        wakeUps.continuation.yield()
    }

    /// Reads until the service shuts down.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await self.follow() }
                group.addTask { await self.tick() }
            }
        }
        // Best effort: a node that could not say goodbye is known by its silence.
        try? await changes.leave(node: node.id)
    }

    private func tick() async {
        while !Task.isCancelled {
            let jitter = Double.random(in: 0.8...1.2)
            // Throws only when cancelled, which the loop sees.
            try? await Task.sleep(for: interval * jitter)
            wakeUps.continuation.yield()
        }
    }

    private func follow() async {
        let clock = ContinuousClock()
        var cursor: Int64?
        var reconciledAt: ContinuousClock.Instant?
        var reportedAt: ContinuousClock.Instant?
        var isFailing = false
        wakeUps.continuation.yield()
        for await _ in wakeUps.stream {
            let started = clock.now
            let resync = resyncRequested.withLock { requested in
                defer { requested = false }
                return requested
            }
            let isDue = reconciledAt.map { started - $0 > reconciliation } ?? true
            reads.increment()
            do {
                // Before anything is acknowledged: the epochs of a node that is not on the list are refused.
                if reportedAt.map({ started - $0 > .seconds(2) }) ?? true {
                    try await changes.report(
                        node: node.id,
                        service: node.service,
                        host: node.host,
                        startedAt: node.startedAt
                    )
                    reportedAt = started
                }
                if resync || isDue || cursor == nil {
                    cursor = try await reconcile(startedAt: started)
                    reconciledAt = started
                } else if let from = cursor {
                    cursor = try await catchUp(from: from, startedAt: started)
                }
                if isFailing { logger.notice("Configuration is read again.") }
                isFailing = false
            } catch is CancellationError {
                return
            } catch {
                // It may hold what it has not acknowledged, or was taken off the list for its silence: all anew.
                cursor = nil
                reportedAt = nil
                failures.increment()
                logger.log(
                    level: isFailing ? .debug : .warning,
                    "Configuration cannot be read.",
                    metadata: ["error": "\(error)"]
                )
                isFailing = true
                wakeUps.continuation.yield()
            }
            if Task.isCancelled { return }
            // Throws only when cancelled; the stream then ends.
            try? await clock.sleep(until: started + (isFailing ? pauseAfterFailure : shortestInterval))
        }
    }

    /// Compares all epochs and loads what differs.
    private func reconcile(startedAt started: ContinuousClock.Instant) async throws -> Int64 {
        // The cursor first: what changes between the two reads is then read again, not missed.
        let cursor = try await changes.changes(since: .max).cursor
        let epochs = try await configuration.epochs()
        let known = current.epochs
        view.withLock { view in
            for (id, epoch) in known where epochs[id].map({ $0 < epoch }) ?? true {
                // Gone, or the database was set back: what we hold is of a future that did not happen.
                view.remove(id)
            }
        }
        try await load(epochs.filter { current[$0.key]?.snapshot.epoch != $0.value }.map(\.key))
        confirm(at: started)
        try await changes.acknowledge(current.epochs, node: node.id)
        return cursor
    }

    /// Loads what the change rows since the cursor name.
    private func catchUp(from cursor: Int64, startedAt started: ContinuousClock.Instant) async throws -> Int64
    {
        let batch = try await changes.changes(since: cursor)
        guard batch.cursor >= cursor else { return try await reconcile(startedAt: started) }
        let known = current
        let changed = batch.epochs.filter { (known[$0.key]?.snapshot.epoch ?? -1) < $0.value }.map(\.key)
        try await load(changed)
        confirm(at: started)
        if !changed.isEmpty {
            let applied = current.epochs.filter { changed.contains($0.key) }
            try await changes.acknowledge(applied, node: node.id)
        }
        return batch.cursor
    }

    private func confirm(at started: ContinuousClock.Instant) {
        view.withLock { $0.confirm(at: started) }
        confirmed.record(Date().timeIntervalSince1970)
    }

    private func load(_ ids: [Workspace.ID]) async throws {
        loads.increment(by: ids.count)
        try await withThrowingTaskGroup(of: (Workspace.ID, WorkspaceSnapshot?).self) { group in
            var waiting = ids[...]
            for id in waiting.prefix(8) { group.addTask { (id, try await self.configuration.load(id)) } }
            waiting = waiting.dropFirst(8)
            while let (id, snapshot) = try await group.next() {
                apply(snapshot, for: id)
                guard let next = waiting.popFirst() else { continue }
                group.addTask { (next, try await self.configuration.load(next)) }
            }
        }
    }

    private func apply(_ snapshot: WorkspaceSnapshot?, for id: Workspace.ID) {
        guard let snapshot else { return view.withLock { $0.remove(id) } }
        let entry = makeEntry(snapshot)
        view.withLock { $0.serve(snapshot, as: entry) }
    }
}
