/// The one thread on which every libpq call of the process runs, as a global actor.
///
/// Connections, pools and listeners are isolated to it, so the compiler proves that a `PGconn` has one owner and
/// calls between them cost nothing. What may block (name resolution, cancel requests) has threads of its own.
@globalActor
package actor PostgresEventLoop {
    package static let shared = PostgresEventLoop()

    nonisolated let executor = EventLoopExecutor()

    nonisolated package var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    private init() {}

    /// Runs `body` as this actor without a hop; traps anywhere but on the loop's thread.
    nonisolated static func assumeIsolated(_ body: @PostgresEventLoop () -> Void) {
        precondition(shared.executor.isCurrent, "only the loop's own thread is isolated to it")
        withoutActuallyEscaping(body) { body in
            // The same function without its isolation, which the line above has shown to hold.
            unsafe unsafeBitCast(body, to: (() -> Void).self)()
        }
    }
}
