package import Logging
import ServiceLifecycle

/// Connections to one database, shared by everybody in the process.
///
/// `query` and `pipeline` need no connection of their own: units of many callers travel on few connections, each
/// its own implicit transaction. `transaction` and `withSession` take a connection for as long as they last.
/// It opens connections when they are first needed; `run` opens the first before that, replaces old ones and, on
/// graceful shutdown, lets what is under way end. Cancelling a task frees it at once; its unit is discarded and,
/// should the server be long about it, cancelled there.
package final class PostgresPool: Service, PostgresQuerying {
    /// What it was made with.
    package let settings: PostgresSettings
    private let driver: PoolDriver

    /// A pool that does nothing yet; refuses a malformed URL.
    ///
    /// `name` is its metrics' dimension.
    package init(_ settings: PostgresSettings, logger: Logger, name: String = "main") throws(PostgresError) {
        self.settings = settings
        driver = PoolDriver(settings, try ConnectionParameters(settings), logger: logger, name: name)
    }

    /// Keeps the pool healthy until graceful shutdown or cancellation, then closes it within five seconds.
    package func run() async throws {
        await driver.start()
        // It throws when the task is cancelled, which is the other way to be told to stop.
        try? await gracefulShutdown()
        await driver.shutDown(grace: .seconds(5))
    }

    package func perform(
        _ calls: [StatementCall],
        deadline: Duration?
    ) async throws(PostgresError) -> PipelineUnit {
        let unit = PipelineUnit(
            .statements(calls),
            deadline: Moment.now() + (deadline ?? settings.queryTimeout)
        )
        try await unit.perform(on: driver)
        return unit
    }

    /// Asks the server on a connection kept for this, whatever the pool is busy with; returns its version number.
    @discardableResult
    package func ping(deadline: Duration = .seconds(1)) async throws(PostgresError) -> Int {
        try await driver.ping(deadline: deadline)
    }

    /// Runs `body` in a transaction on a connection of its own, and commits unless it throws.
    ///
    /// BEGIN travels with the first unit and COMMIT is a round trip of its own. When the transaction loses
    /// against a concurrent one (40001, 40P01) all of it is repeated, at most three times, so `body` must have no
    /// effect but its statements. The deadline is that of each unit. Throws what `body` throws, or a
    /// `PostgresError`: `.rolledBack` when a failure was swallowed, `.connectionLost(outcomeUnknown: true)` when
    /// the answer to COMMIT was.
    package func transaction<Value: Sendable>(
        _ isolation: TransactionIsolation = .readCommitted,
        deadline: Duration? = nil,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        try await withLease { lease in
            try await PostgresSession(lease: lease, settings: settings)
                .transaction(isolation, deadline: deadline, body)
        }
    }

    /// Runs `body` with a connection of its own, for what outlasts a transaction, such as a session's lock.
    ///
    /// Locks and settings of the session are undone before anybody else has the connection.
    package func withSession<Value: Sendable>(
        _ body: (PostgresSession) async throws -> Value
    ) async throws -> Value {
        try await withLease { lease in
            let session = PostgresSession(lease: lease, settings: settings)
            do {
                let value = try await body(session)
                await session.reset()
                return value
            } catch {
                await session.reset()
                throw error
            }
        }
    }

    private func withLease<Value: Sendable>(_ body: (Lease) async throws -> Value) async throws -> Value {
        let lease = try await driver.lease()
        do {
            let value = try await body(lease)
            await driver.end(lease)
            return value
        } catch {
            await driver.end(lease)
            throw error
        }
    }
}
