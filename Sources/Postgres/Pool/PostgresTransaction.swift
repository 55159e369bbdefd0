import Synchronization

/// How much of concurrent transactions one sees.
package enum TransactionIsolation: Sendable {
    /// Every statement sees what was committed before it.
    case readCommitted
    /// Every statement sees what was committed before the first.
    case repeatableRead
    /// As if transactions ran one after the other; conflicts end in 40001.
    case serializable

    var begin: String {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}

/// An open transaction; of no use outside the closure it is handed to.
package final class PostgresTransaction: PostgresQuerying {
    private let lease: Lease
    private let settings: PostgresSettings
    private let defaultDeadline: Duration
    private let hasConflict = Atomic(false)
    private let isOver = Atomic(false)

    init(lease: Lease, settings: PostgresSettings, defaultDeadline: Duration) {
        self.lease = lease
        self.settings = settings
        self.defaultDeadline = defaultDeadline
    }

    package func perform(
        _ calls: [StatementCall],
        deadline: Duration?
    ) async throws(PostgresError) -> PipelineUnit {
        try await send(.statements(calls), deadline)
    }

    /// As ``PostgresSession/execute(script:deadline:)``, in this transaction; it must not end it.
    package func execute(script: String, deadline: Duration? = nil) async throws(PostgresError) {
        _ = try await send(.script(script), deadline)
    }

    /// Whether a statement lost against a concurrent transaction, or found its plan out of date, so that all of
    /// it may succeed the next time.
    var mayBeRepeated: Bool { hasConflict.load(ordering: .relaxed) }

    private func send(
        _ content: PipelineUnit.Content,
        _ deadline: Duration?
    ) async throws(PostgresError) -> PipelineUnit {
        guard !isOver.load(ordering: .relaxed) else { throw .unavailable("the transaction has ended") }
        // Lost before COMMIT is rolled back for certain.
        let unit = PipelineUnit(
            content,
            deadline: Moment.now() + (deadline ?? defaultDeadline),
            commits: false
        )
        do {
            try await unit.perform(on: lease)
        } catch {
            note(error)
            throw error
        }
        return unit
    }

    private func note(_ error: PostgresError) {
        guard case .server(let error) = error else { return }
        let isStale =
            error.sqlState == .invalidStatementName
            || error.sqlState == .featureNotSupported && error.message.contains("cached plan")
        if error.sqlState.isTransactionConflict || isStale { hasConflict.store(true, ordering: .relaxed) }
    }

    /// Commits, and believes nothing but the tag.
    ///
    /// It is not cancellable: half a commit does not exist.
    func commit() async throws(PostgresError) {
        isOver.store(true, ordering: .relaxed)
        guard await lease.endTransaction() else { return }
        let unit = PipelineUnit(
            .statements([commitCall]),
            deadline: Moment.now() + settings.queryTimeout,
            commits: true
        )
        do {
            try await unit.perform(on: lease, isCancellable: false)
        } catch {
            note(error)
            // Nobody knows any more, and nobody may use the connection before its answer.
            if case .deadlineExceeded = error {
                await lease.connection.close()
                throw .connectionLost(outcomeUnknown: true)
            }
            throw error
        }
        guard unit.lastTag == "COMMIT" else { throw .rolledBack }
    }

    /// Rolls back what is open; a connection on which that fails is closed.
    func rollback() async {
        isOver.store(true, ordering: .relaxed)
        guard await lease.endTransaction() else { return }
        let unit = PipelineUnit(
            .statements([rollbackCall]),
            deadline: Moment.now() + .seconds(2),
            commits: false
        )
        unit.toleratesCancel = true
        do {
            try await unit.perform(on: lease, isCancellable: false)
        } catch {
            await lease.connection.close()
        }
    }
}

private let commitCall = StatementCall(text: .of("COMMIT", types: []), parameters: [])
private let rollbackCall = StatementCall(text: .of("ROLLBACK", types: []), parameters: [])
