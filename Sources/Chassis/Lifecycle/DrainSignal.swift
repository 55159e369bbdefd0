import ServiceLifecycle
import Synchronization

/// Whether the service has been told to stop.
package final class DrainSignal: Sendable {
    private let flag = Atomic<Bool>(false)

    /// A signal that is not up.
    package init() {}

    /// Whether new requests should go elsewhere: `/readyz` says 503 and every answer closes its connection.
    package var isDraining: Bool { flag.load(ordering: .relaxed) }

    /// Raises the signal for good.
    package func raise() {
        flag.store(true, ordering: .relaxed)
    }
}

/// The first service to be told of a shutdown: raises the signal, and holds the others back for the drain
/// delay.
///
/// A service group stops its services in reverse order, each after the one behind it has ended; this one
/// stands last, so the server keeps accepting while load balancers notice that `/readyz` says 503.
struct DrainService: Service {
    let signal: DrainSignal
    let delay: Duration

    func run() async throws {
        do {
            try await gracefulShutdown()
        } catch {
            // Cancelled, because another service failed: that is no shutdown anybody asked for.
            return
        }
        signal.raise()
        // Not cancelled by the graceful shutdown itself; a second signal cancels it, which ends the drain
        // at once.
        try? await Task.sleep(for: delay)
    }
}
