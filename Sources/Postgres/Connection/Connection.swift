internal import CLibPQ

/// Who has a connection and is told what becomes of it.
@PostgresEventLoop
protocol ConnectionOwner: AnyObject {
    /// A unit has been answered and drained, or dropped before it was sent.
    func connectionFinishedUnit(_ connection: Connection)
    /// It takes no units for a moment, or takes them again.
    func connection(_ connection: Connection, isFenced: Bool)
    /// It is gone. `unsent` have not been sent and may go elsewhere.
    func connectionLost(_ connection: Connection, reason: String, unsent: [PipelineUnit])
    func connection(_ connection: Connection, notifiedOn channel: String)
}

/// An open connection in pipeline mode: drives libpq as ``PipelineState`` says.
///
/// It is isolated to the loop and the only owner of its `PGconn`. Units are gathered and sent at the end of the
/// loop's turn; whatever has arrived is read in one go. A unit whose task no longer waits is drained all the same.
@PostgresEventLoop
@safe
final class Connection: SocketOwner, UnitTarget {
    enum Phase {
        case pipelining
        case scripting(PipelineUnit)
        case closed
    }

    weak var owner: (any ConnectionOwner)?
    let raw: OpaquePointer
    let limits: Limits
    var phase = Phase.pipelining
    let socket: Int32
    let usesTLS: Bool
    var watch: UInt64 = 0

    var pipeline = PipelineState<PipelineUnit>()
    var prepared = PreparedStatements()
    /// Why a statement could not be prepared, for the units sent in the belief that it was.
    var refusals: [Int: ServerError] = [:]
    var outbox = RingBuffer<PipelineUnit>()
    /// How many statements of the outbox's first unit have been sent, once it was begun.
    var sentStatements: Int?
    var unsentBytes = 0
    /// How many more times 64 KiB may be sent in this turn.
    var sendAllowance = 0
    var isBlocked = false
    var isSendPlanned = false
    let arguments = ArgumentBuffers()

    private lazy var deadlines = LoopTimer { [weak self] in self?.expire() }
    private lazy var cancelTimer = LoopTimer { [weak self] in self?.cancelUnwanted() }
    private lazy var drainTimer = LoopTimer { [weak self] in self?.lose("abandoned units were not answered") }
    var isCancelling = false
    var awaitsCancel = false
    var fatal: ServerError?

    /// How long units nobody waits for may occupy the connection.
    struct Limits: Sendable {
        /// Before the server is asked to cancel them.
        var patience: Duration = .milliseconds(20)
        /// Before the connection is given up.
        var drain: Duration = .seconds(5)
    }

    /// Takes over an established connection.
    init(established raw: OpaquePointer, limits: Limits = Limits()) {
        unsafe self.raw = unsafe raw
        self.limits = limits
        socket = unsafe PQsocket(raw)
        usesTLS = unsafe PQsslInUse(raw) == 1
        unsafe PQsetnonblocking(raw, 1)
        unsafe PQenterPipelineMode(raw)
        // The default receiver writes to the process's standard error.
        unsafe PQsetNoticeReceiver(raw, ignoreNotice, nil)
        watch = Reactor.shared.watch(socket, writable: false, owner: self)
    }

    isolated deinit {
        unsafe PQfinish(raw)
    }

    // MARK: Facts

    var isOpen: Bool {
        if case .closed = phase { false } else { true }
    }

    /// Whether nothing is under way or waits to be sent.
    var isIdle: Bool { pipeline.count == 0 && outbox.isEmpty && !isScripting }

    /// Whether the server says that no transaction is open.
    var isOutsideTransaction: Bool { unsafe PQtransactionStatus(raw) == PQTRANS_IDLE }

    /// As `server_version_num`; 150018 is 15.18.
    var serverVersion: Int { unsafe Int(PQserverVersion(raw)) }

    var isScripting: Bool {
        if case .scripting = phase { true } else { false }
    }

    // MARK: Units

    func accept(_ unit: PipelineUnit) {
        guard unit.arrive() else { return }
        enqueue(unit)
    }

    /// Sends a unit that has arrived elsewhere.
    func enqueue(_ unit: PipelineUnit) {
        guard isOpen else { return unit.answer(.connectionLost(outcomeUnknown: false)) }
        outbox.append(unit)
        deadlines.advance(to: unit.deadline)
        planSend()
    }

    func discard(_ unit: PipelineUnit) {
        abandon(unit, .cancelled)
    }

    /// Lets a unit's task go on without its answer.
    private func abandon(_ unit: PipelineUnit, _ error: PostgresError) {
        guard !unit.isAnswered else { return }
        unit.answer(error)
        cancelTimer.advance(to: Reactor.shared.now + limits.patience)
        // It may still be unsent, and then is simply left out.
        if !isBlocked { planSend() }
    }

    private func expire() {
        let now = Reactor.shared.now
        var next = Moment.never
        for queue in [pipeline.units, outbox] {
            for index in 0..<queue.count where !queue[index].isAnswered {
                let unit = queue[index]
                if unit.deadline <= now {
                    abandon(unit, .deadlineExceeded)
                } else {
                    next = min(next, unit.deadline)
                }
            }
        }
        if next < .never { deadlines.set(next) }
    }

    // MARK: Cancelling

    /// Asks the server to cancel, when nobody waits for anything under way: nobody else can be hit then.
    ///
    /// Until the request has been delivered and everything is drained, nothing new is sent.
    private func cancelUnwanted() {
        guard isOpen, !isCancelling, !awaitsCancel else { return }
        var hasUnwanted = false
        var hasWanted = sentStatements != nil
        if case .scripting(let unit) = phase {
            if unit.isAnswered { hasUnwanted = true } else { hasWanted = true }
        }
        for index in 0..<pipeline.count {
            let unit = pipeline.units[index]
            if unit.isAnswered { hasUnwanted = true } else if !unit.toleratesCancel { hasWanted = true }
        }
        guard hasUnwanted else { return }
        // Somebody waits behind; `statement_timeout` is what ends the unit before.
        guard !hasWanted else { return cancelTimer.set(Reactor.shared.now + limits.patience) }
        guard let request = unsafe CancelRequest(raw) else { return }
        isCancelling = true
        awaitsCancel = true
        drainTimer.set(Reactor.shared.now + limits.drain)
        owner?.connection(self, isFenced: true)
        BlockingThread.canceller.run {
            request.send()
            PostgresEventLoop.shared.executor.send(
                .call {
                    self.awaitsCancel = false
                    self.liftFenceWhenDrained()
                }
            )
        }
    }

    func liftFenceWhenDrained() {
        guard isOpen, isCancelling, !awaitsCancel, pipeline.count == 0, !isScripting else { return }
        isCancelling = false
        drainTimer.stop()
        owner?.connection(self, isFenced: false)
        planSend()
    }

    // MARK: The end

    /// Closes the connection; what is under way fails.
    func close() {
        lose("closed")
    }

    func loseWithMessage() {
        lose(unsafe fatal?.description ?? String(cString: PQerrorMessage(raw)))
    }

    func lose(_ reason: String) {
        guard isOpen else { return }
        let script: PipelineUnit? = if case .scripting(let unit) = phase { unit } else { nil }
        phase = .closed
        for timer in [deadlines, cancelTimer, drainTimer] { timer.stop() }
        Reactor.shared.unwatch(watch, socket)

        script?.answer(.connectionLost(outcomeUnknown: script?.commits ?? false))
        var isFirst = true
        while let unit = pipeline.finish() {
            // Only what has its sync can have been committed; and what comes after the unit during which the
            // server said goodbye was not begun.
            let mayBeDone = unit.commits && (isFirst || fatal == nil) && unit !== partlySent
            unit.answer(.connectionLost(outcomeUnknown: mayBeDone))
            isFirst = false
        }
        if sentStatements != nil { _ = outbox.popFirst() }
        let unsent = outbox.removeAll { _ in true }
        // Ends the socket now, unless libpq has: another reference to the connection may live on.
        if unsafe PQsocket(raw) == socket { shutdown(socket, Int32(SHUT_RDWR)) }
        owner?.connectionLost(self, reason: reason, unsent: unsent.filter { !$0.isAnswered })
        owner = nil
    }

    var partlySent: PipelineUnit? { sentStatements == nil ? nil : outbox.first }
}

/// Called by libpq with no actor's knowledge, so of no isolation.
nonisolated private func ignoreNotice(_ argument: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {}
