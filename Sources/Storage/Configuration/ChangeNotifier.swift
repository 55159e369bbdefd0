package import Logging
package import Postgres
import ServiceLifecycle

/// Tells the other nodes that something changed, after the change is committed.
///
/// No transaction that writes business rows contains NOTIFY: its commit would take a lock that all of the cluster's
/// notifying commits share. This one does nothing else, is empty, and goes out at most every 50 ms however often it is
/// asked for. When it is lost, the others see the change at their next look, a second later at most.
package struct ChangeNotifier: Service {
    private let pool: PostgresPool
    private let logger: Logger
    private let asked = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    package init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    /// Asks for a notification.
    ///
    /// Call it when a change of control data is committed. Never waits.
    package func tell() {
        asked.continuation.yield()
    }

    /// Sends what is asked for until the service shuts down.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in asked.stream {
                do {
                    try await Self.send(over: pool)
                } catch {
                    logger.warning("Notification was not sent", metadata: ["error": "\(error)"])
                }
                // Throws only when cancelled; the stream then ends.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Sends one notification now, in a transaction of its own that need not wait for the disk: it holds nothing.
    package static func send(over pool: PostgresPool) async throws(PostgresError) {
        _ = try await pool.pipeline(forgetful.bind(), notify.bind())
    }

    // Not SET LOCAL: at the head of a pipeline the server takes that for outside of a transaction, and warns.
    static let forgetful = Statement<Void>("SELECT set_config('synchronous_commit', 'off', true)")
    static let notify = Statement<Void>("NOTIFY breezeway_changes")
}
