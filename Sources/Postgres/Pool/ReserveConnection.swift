/// The connection kept for health checks, so that a pool with no connection to spare is not taken for dead.
@PostgresEventLoop
final class ReserveConnection: ConnectionOwner, UnitTarget {
    private let settings: PostgresSettings
    private let parameters: ConnectionParameters
    private var connection: Connection?
    private var attempt: ConnectAttempt?
    private var waiting: [PipelineUnit] = []
    private var isClosed = false

    nonisolated init(_ settings: PostgresSettings, _ parameters: ConnectionParameters) {
        self.settings = settings
        self.parameters = parameters
    }

    func accept(_ unit: PipelineUnit) {
        guard unit.arrive() else { return }
        guard !isClosed else { return unit.answer(.unavailable("the pool is shut down")) }
        if let connection {
            connection.enqueue(unit)
        } else {
            waiting.append(unit)
            connect()
        }
    }

    func discard(_ unit: PipelineUnit) {
        if let connection, unit.isSubmitted { connection.discard(unit) } else { unit.answer(.cancelled) }
    }

    func close() {
        isClosed = true
        attempt?.cancel()
        attempt = nil
        connection?.close()
        refuse(.unavailable("the pool is shut down"))
    }

    /// Gives up a connection that did not answer in time.
    func reset() {
        connection?.close()
    }

    private func connect() {
        guard attempt == nil else { return }
        attempt = ConnectAttempt(parameters, timeout: min(settings.connectTimeout, .seconds(1))) {
            [weak self] result, _ in
            guard let self else { return }
            attempt = nil
            switch result {
            case .success(let connection):
                connection.owner = self
                self.connection = connection
                for unit in waiting { connection.enqueue(unit) }
                waiting = []
            case .failure(let error):
                refuse(error)
            }
        }
    }

    private func refuse(_ error: PostgresError) {
        for unit in waiting { unit.answer(error) }
        waiting = []
    }

    func connectionFinishedUnit(_ connection: Connection) {}

    func connection(_ connection: Connection, isFenced: Bool) {}

    func connectionLost(_ connection: Connection, reason: String, unsent: [PipelineUnit]) {
        self.connection = nil
        for unit in unsent { unit.answer(.connectionLost(outcomeUnknown: false)) }
    }

    func connection(_ connection: Connection, notifiedOn channel: String) {}
}
