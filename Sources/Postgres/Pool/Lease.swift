/// A connection that one caller has for himself, for as long as the lease is not over.
@PostgresEventLoop
final class Lease: UnitTarget {
    let connection: Connection
    private var isOver = false
    /// What the next unit is to begin with, while a transaction is asked for and nothing was sent in it.
    private var begin: String?
    private(set) var isInTransaction = false

    init(_ connection: Connection) {
        self.connection = connection
    }

    func accept(_ unit: PipelineUnit) {
        guard unit.arrive() else { return }
        guard !isOver else { return unit.answer(.unavailable("the session has ended")) }
        if let text = begin {
            // Decided here, where units have an order, so that none can come before BEGIN.
            unit.begin(text)
            begin = nil
            isInTransaction = true
        }
        connection.enqueue(unit)
    }

    func discard(_ unit: PipelineUnit) {
        guard unit.isSubmitted else { return unit.answer(.cancelled) }
        connection.discard(unit)
    }

    /// The next unit begins a transaction.
    func expectTransaction(_ text: String) {
        begin = text
        isInTransaction = false
    }

    /// No transaction is expected any more; true when one has been begun and is to be ended.
    func endTransaction() -> Bool {
        begin = nil
        defer { isInTransaction = false }
        return isInTransaction
    }

    /// Nothing is accepted any more.
    func end() {
        isOver = true
    }
}
