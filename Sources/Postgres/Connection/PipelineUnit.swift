internal import CLibPQ

/// Where units go: a pool, or a connection somebody has for himself.
@PostgresEventLoop
protocol UnitTarget: AnyObject, Sendable {
    func accept(_ unit: PipelineUnit)
    /// The unit's task was cancelled; perhaps before the unit has arrived.
    func discard(_ unit: PipelineUnit)
}

/// Statements that succeed or fail together: one Sync, one implicit transaction, one round trip.
///
/// `@unchecked`: it has one owner at a time. The calling task makes it and hands it to the loop through the
/// loop's inbox; the loop hands it back by resuming the continuation, and from then on only asks `isAnswered`,
/// which the loop alone writes.
@safe
package final class PipelineUnit: @unchecked Sendable {
    /// What is to be sent.
    enum Content: Sendable {
        case statements([StatementCall])
        /// Statements separated by semicolons, outside pipeline mode.
        case script(String)
    }

    private(set) var content: Content
    let deadline: Moment
    /// Whether it is a transaction of its own: done for good when its Sync has been executed, undone when it fails.
    let commits: Bool

    private var continuation: UnsafeContinuation<Void, Never>?
    private(set) var isAnswered = false
    private(set) var isSubmitted = false
    private(set) var failure: PostgresError?
    /// One for each statement that has been answered, nil for those nobody reads.
    private var results: [OpaquePointer?]
    /// Where it is under way or about to be sent.
    var connection: Connection?
    /// How long it may wait for a connection.
    var waitsUntil = Moment.never
    /// Whether a cancel request meant for another may meet it without harm, as it may ROLLBACK.
    var toleratesCancel = false
    /// Told of the answer, for a unit that no task waits for.
    var onAnswer: ((PostgresError?) -> Void)?
    /// How many results come before those the task asked for.
    private var offset = 0
    /// Whether the first of its statements is BEGIN.
    var beginsTransaction: Bool { offset > 0 }
    /// How often it has been sent again because a connection's prepared statements were out of date.
    var repetitions = 0

    init(_ content: Content, deadline: Moment, commits: Bool = true) {
        self.content = content
        self.deadline = deadline
        self.commits = commits
        unsafe results = []
    }

    deinit {
        unsafe ResultGraveyard.shared.bury(results)
    }

    // MARK: The calling task

    /// Sends the unit and waits until it is answered; a cancelled task does not wait for the server.
    func perform(on target: any UnitTarget, isCancellable: Bool = true) async throws(PostgresError) {
        let executor = PostgresEventLoop.shared.executor
        if isCancellable {
            await withTaskCancellationHandler {
                await submit(to: target, executor)
            } onCancel: {
                executor.send(.discard(self, target))
            }
        } else {
            await submit(to: target, executor)
        }
        if let failure { throw failure }
    }

    private func submit(to target: any UnitTarget, _ executor: EventLoopExecutor) async {
        await unsafe withUnsafeContinuation { continuation in
            unsafe self.continuation = unsafe continuation
            executor.send(.submit(self, target))
        }
    }

    /// Reads all rows of one statement.
    func rows<Output>(of index: Int, _ decoding: RowDecoding<Output>) throws(PostgresError) -> [Output] {
        if case .none = decoding { return [] }
        guard let result = unsafe result(of: index) else { return [] }
        switch decoding {
        case .none:
            return []
        case .affected(let make):
            return [make(affectedRows(of: index))]
        case .row(let decode):
            let count = unsafe PQntuples(result)
            var rows: [Output] = []
            rows.reserveCapacity(Int(count))
            for row in 0..<count {
                var reader = unsafe RowReader(result: result, row: row)
                do throws(RowDecodingError) {
                    rows.append(try decode(&reader))
                } catch {
                    throw .decoding(error)
                }
            }
            return rows
        }
    }

    /// How many rows one statement touched.
    func affectedRows(of index: Int) -> Int {
        guard let result = unsafe result(of: index) else { return 0 }
        return unsafe Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    private func result(of index: Int) -> OpaquePointer? {
        precondition(unsafe index + offset < results.count, "a unit without a failure has all its results")
        return unsafe results[index + offset]
    }

    /// The command tag the last statement was answered with.
    var lastTag: String {
        guard let result = unsafe results.last ?? nil else { return "" }
        return unsafe String(cString: PQcmdStatus(result))
    }

    // MARK: The loop

    /// Notes the arrival at the target; false when the task was cancelled before.
    func arrive() -> Bool {
        isSubmitted = true
        guard isAnswered else { return true }
        unsafe continuation?.resume()
        unsafe continuation = nil
        return false
    }

    /// Puts BEGIN before everything else.
    func begin(_ text: String) {
        switch content {
        case .statements(let calls):
            content = .statements([StatementCall(text: .of(text, types: []), parameters: [])] + calls)
            offset = 1
        case .script(let script):
            content = .script("\(text);\n\(script)")
        }
    }

    /// Takes over a result; one that nobody waits for any more is freed at once.
    func take(_ result: OpaquePointer) {
        guard !isAnswered else { return unsafe PQclear(result) }
        if isRead(unsafe results.count) {
            unsafe results.append(result)
        } else {
            unsafe PQclear(result)
            unsafe results.append(nil)
        }
    }

    /// Notes why it will fail, once its Sync has been answered; the first reason stays.
    func note(_ error: PostgresError) {
        if !isAnswered, failure == nil { failure = error }
    }

    private func isRead(_ index: Int) -> Bool {
        guard case .statements(let calls) = content else { return false }
        return index < calls.count && calls[index].isRead
    }

    /// Replaces the noted reason by the one behind it.
    func correct(_ error: PostgresError) {
        if !isAnswered { failure = error }
    }

    /// Forgets everything received, to be sent again.
    func reset() {
        for index in unsafe results.indices { unsafe PQclear(results[index]) }
        unsafe results.removeAll()
        failure = nil
        repetitions += 1
    }

    /// Lets the task go on, with what was noted or with `error`; does nothing the second time.
    func answer(_ error: PostgresError? = nil) {
        guard !isAnswered else { return }
        if let error { failure = error }
        isAnswered = true
        onAnswer?(failure)
        // Cancelled before it arrived: `arrive` lets the task go on.
        guard isSubmitted else { return }
        unsafe continuation?.resume()
        unsafe continuation = nil
    }
}
