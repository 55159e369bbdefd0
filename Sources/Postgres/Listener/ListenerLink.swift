/// One session that listens.
@PostgresEventLoop
final class ListenerLink: ConnectionOwner {
    private let connection: Connection
    private let notified: @Sendable (String) -> Void
    private var loss: String?
    private var waiter: CheckedContinuation<Void, Never>?
    private lazy var timer = LoopTimer { [weak self] in self?.resume() }

    private init(_ connection: Connection, _ notified: @escaping @Sendable (String) -> Void) {
        self.connection = connection
        self.notified = notified
        connection.owner = self
    }

    static func open(
        _ parameters: ConnectionParameters,
        _ timeout: Duration,
        notified: @escaping @Sendable (String) -> Void
    ) async throws(PostgresError) -> ListenerLink {
        ListenerLink(try await PostgresConnection.open(parameters, timeout: timeout), notified)
    }

    /// Listens on all channels, in one unit.
    func listen(_ channels: [String], deadline: Duration) async throws(PostgresError) {
        let calls = channels.map { channel in
            StatementCall(text: .of("LISTEN \"\(channel)\"", types: []), parameters: [])
        }
        _ = try await perform(calls, deadline)
    }

    /// Throws unless the session answers in time that it listens on all channels.
    func check(_ channels: [String], deadline: Duration) async throws(PostgresError) {
        let statement = listening.bind(channels)
        let unit = try await perform([statement.call], deadline)
        guard try unit.rows(of: 0, statement.decoding).first == channels.count else {
            throw .unavailable("the session no longer listens")
        }
    }

    /// Returns after `time`, or throws as soon as the session is gone or the task cancelled.
    func waitForLoss(atMost time: Duration) async throws(PostgresError) {
        if loss == nil {
            timer.set(Moment.now() + time)
            await withTaskCancellationHandler {
                // Checked here: a cancellation before this line would find nobody to wake.
                if Task.isCancelled { return }
                await withCheckedContinuation { waiter = $0 }
            } onCancel: {
                PostgresEventLoop.shared.executor.send(.call { self.resume() })
            }
            timer.stop()
        }
        if Task.isCancelled { throw .cancelled }
        if let loss { throw .unavailable(loss) }
    }

    func close() {
        connection.close()
    }

    private func perform(
        _ calls: [StatementCall],
        _ deadline: Duration
    ) async throws(PostgresError) -> PipelineUnit {
        let unit = PipelineUnit(.statements(calls), deadline: Moment.now() + deadline, commits: false)
        try await unit.perform(on: connection)
        return unit
    }

    private func resume() {
        waiter?.resume()
        waiter = nil
    }

    // MARK: ConnectionOwner

    func connectionFinishedUnit(_ connection: Connection) {}

    func connection(_ connection: Connection, isFenced: Bool) {}

    func connectionLost(_ connection: Connection, reason: String, unsent: [PipelineUnit]) {
        loss = reason
        for unit in unsent { unit.answer(.connectionLost(outcomeUnknown: false)) }
        resume()
    }

    func connection(_ connection: Connection, notifiedOn channel: String) {
        notified(channel)
    }
}

private let listening = Statement<[String], Int>(
    "SELECT count(*) FROM pg_listening_channels() AS channel WHERE channel = ANY($1)"
) { row throws(RowDecodingError) in
    try row.next()
}
