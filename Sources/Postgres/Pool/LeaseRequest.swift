/// Somebody who waits for a connection of his own.
@PostgresEventLoop
final class LeaseRequest: Sendable {
    let waitsUntil: Moment
    private(set) var isAnswered = false
    private var continuation: CheckedContinuation<Result<Connection, PostgresError>, Never>?
    private var early: Result<Connection, PostgresError>?

    init(waitsUntil: Moment) {
        self.waitsUntil = waitsUntil
    }

    func answer(_ result: Result<Connection, PostgresError>) {
        guard !isAnswered else { return }
        isAnswered = true
        if let continuation { continuation.resume(returning: result) } else { early = result }
        continuation = nil
    }

    func result() async -> Result<Connection, PostgresError> {
        if let early { return early }
        return await withCheckedContinuation { continuation = $0 }
    }
}
