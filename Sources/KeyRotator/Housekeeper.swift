import Chassis
import FoundationEssentials
import Logging
import Metrics
import Postgres
import ServiceLifecycle
import Storage

/// Makes session partitions ahead, drops those that are over, and throws away what is past its time.
///
/// Every step is bounded, so nobody waits behind it; several housekeepers do the same work without harm.
struct Housekeeper: Service {
    /// Days for which session partitions are made ahead.
    static let daysAhead = 14
    /// Rows removed by one statement.
    private static let batch = 1_000
    /// Statements for each table in one round.
    private static let batches = 20
    /// The fill of the queue of notifications, and the seconds a session may hold it up.
    private static let queueUsage = 0.01
    private static let patience = 30

    let store: HousekeepingStore
    let auditDays: Int
    let logger: Logger
    private let toDrop = Gauge(label: "session_partitions_to_drop")
    private let dropped = Counter(label: "session_partitions_dropped_total")

    init(store: HousekeepingStore, auditDays: Int, logger: Logger) {
        self.store = store
        self.auditDays = auditDays
        self.logger = logger
    }

    /// Keeps house twice a minute until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await keepHouse()
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("Housekeeping failed.", metadata: .of([.error: "\(error)"]))
                }
                // Throws only when cancelled, which the loop sees.
                try? await Task.sleep(for: .seconds(30) * Double.random(in: 0.8...1.2))
            }
        }
    }

    /// One round of everything.
    func keepHouse() async throws {
        let ended = try await store.endStuckListeners(patience: Self.patience, usage: Self.queueUsage)
        if ended > 0 {
            logger.warning(
                "Sessions that held up the queue of notifications were ended.",
                metadata: .of([.count: .stringConvertible(ended)])
            )
        }
        let made = try await store.ensureSessionPartitions(days: Self.daysAhead)
        if made > 0 {
            logger.notice(
                "Session partitions made.",
                metadata: .of([.count: .stringConvertible(made)])
            )
        }
        for kept in HousekeepingStore.Kept.allCases { try await prune(kept) }
        try await dropSessions()
        toDrop.record(try await store.partitionsToDrop())
    }

    private func prune(_ kept: HousekeepingStore.Kept) async throws {
        for _ in 0..<Self.batches {
            let removed = try await store.prune(kept, auditDays: auditDays, batch: Self.batch)
            Counter(label: "rows_pruned_total", dimensions: [("table", kept.rawValue)]).increment(by: removed)
            if removed < Self.batch { return }
        }
    }

    private func dropSessions() async throws {
        while try await store.measureSessionPartition() {}
        do throws(PostgresError) {
            while try await store.dropSessionPartition() { dropped.increment() }
        } catch {
            guard case .server(let refusal) = error, refusal.sqlState == .lockNotAvailable else {
                throw error
            }
            // Somebody uses the table, and nobody is made to wait for us: the next round tries again.
            logger.debug("Expired sessions were not dropped: the table is in use.")
        }
    }
}
