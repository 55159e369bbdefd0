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
    private enum Phase {
        case pipelining
        case scripting(PipelineUnit)
        case closed
    }

    weak var owner: (any ConnectionOwner)?
    private let raw: OpaquePointer
    private let limits: Limits
    private var phase = Phase.pipelining
    private let socket: Int32
    private let usesTLS: Bool
    private var watch: UInt64 = 0

    private var pipeline = PipelineState<PipelineUnit>()
    private var prepared = PreparedStatements()
    /// Why a statement could not be prepared, for the units sent in the belief that it was.
    private var refusals: [Int: ServerError] = [:]
    private var outbox = RingBuffer<PipelineUnit>()
    /// How many statements of the outbox's first unit have been sent, once it was begun.
    private var sentStatements: Int?
    private var unsentBytes = 0
    /// How many more times 64 KiB may be sent in this turn.
    private var sendAllowance = 0
    private var isBlocked = false
    private var isSendPlanned = false
    private let arguments = ArgumentBuffers()

    private lazy var deadlines = LoopTimer { [weak self] in self?.expire() }
    private lazy var cancelTimer = LoopTimer { [weak self] in self?.cancelUnwanted() }
    private lazy var drainTimer = LoopTimer { [weak self] in self?.lose("abandoned units were not answered") }
    private var isCancelling = false
    private var awaitsCancel = false
    private var fatal: ServerError?

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

    private var isScripting: Bool {
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

    // MARK: Sending

    private func planSend() {
        guard !isSendPlanned else { return }
        isSendPlanned = true
        Reactor.shared.sendLater(self)
    }

    /// Sends what has gathered in this turn.
    func sendGathered() {
        isSendPlanned = false
        guard isOpen, !isBlocked, !isScripting else { return }
        // libpq 15 flushes at every sync; corked, the units of one turn leave the machine together.
        let corks = outbox.count > 1
        if corks { cork(1) }
        sendAllowance = 4
        gathered: while !isBlocked, isOpen, !isScripting, sendAllowance > 0, let unit = outbox.first {
            if sentStatements == nil {
                if unit.isAnswered {
                    _ = outbox.popFirst()
                    tellFinished(unit)
                    continue
                }
                if isCancelling { break }
            }
            switch unit.content {
            case .statements(let calls):
                send(unit, calls)
            case .script(let text):
                // It cannot share the pipeline: what is under way comes first.
                guard pipeline.count == 0 else { break gathered }
                startScript(unit, text)
            }
        }
        if isOpen { flush() }
        if corks, isOpen { cork(0) }
    }

    /// Sends one unit, or the next part of one that is larger than the socket takes at once.
    private func send(_ unit: PipelineUnit, _ calls: [StatementCall]) {
        if sentStatements == nil {
            pipeline.begin(unit)
            sentStatements = 0
            if unit.beginsTransaction {
                guard prepare(calls.prefix(1)), execute(calls[0]) else { return loseWithMessage() }
            }
            guard prepare(calls) else { return loseWithMessage() }
        }
        while let next = sentStatements, next < calls.count, !unit.isAnswered {
            guard execute(calls[next]) else { return loseWithMessage() }
            // A large unit must not gather in libpq's buffer while the server cannot take more.
            if unsentBytes >= 65_536 {
                flush()
                if isBlocked || !isOpen { return }
                // Nor may it keep the loop to itself while the server takes as fast as it is given.
                sendAllowance -= 1
                if sendAllowance == 0 { return planSend() }
            }
        }
        guard unsafe PQpipelineSync(raw) == 1 else { return loseWithMessage() }
        pipeline.sent(.sync)
        sentStatements = nil
        _ = outbox.popFirst()
    }

    /// Prepares those of a unit's statements that are not; false when the connection is broken.
    private func prepare(_ calls: some Sequence<StatementCall>) -> Bool {
        for call in calls where !prepared.contains(call.text) {
            let text = call.text
            let sent = unsafe PQsendPrepare(
                raw,
                prepared.name(of: text),
                text.sql,
                Int32(text.types.count),
                text.types
            )
            guard sent == 1 else { return false }
            prepared.insert(text)
            pipeline.sent(.prepare(text.number))
        }
        return true
    }

    private func execute(_ call: StatementCall) -> Bool {
        let sent = unsafe arguments.withArguments(of: call) { count, values, lengths, formats in
            unsafe PQsendQueryPrepared(raw, prepared.name(of: call.text), count, values, lengths, formats, 1)
        }
        pipeline.sent(.execute)
        sentStatements = (sentStatements ?? 0) + 1
        unsentBytes += call.parameters.count + 64
        return sent == 1
    }

    private func flush() {
        unsentBytes = 0
        let status = unsafe PQflush(raw)
        guard status >= 0 else { return loseWithMessage() }
        guard isBlocked != (status == 1) else { return }
        isBlocked = status == 1
        Reactor.shared.change(watch, socket, writable: isBlocked)
    }

    private func cork(_ on: Int32) {
        var on = on
        unsafe setsockopt(
            socket,
            Int32(IPPROTO_TCP),
            TCP_CORK,
            &on,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    // MARK: Receiving

    func socketReady(writable: Bool) {
        guard isOpen else { return }
        // A TLS record may hold more than one read takes, and the socket is not readable again for the rest.
        for _ in 0..<(usesTLS ? 3 : 1) {
            guard unsafe PQconsumeInput(raw) == 1 else {
                receive()
                if isOpen { loseWithMessage() }
                return
            }
            receive()
            guard isOpen else { return }
        }
        if isBlocked {
            flush()
            if !isBlocked { planSend() }
        }
    }

    private func receive() {
        if case .scripting(let unit) = phase { receiveScript(unit) }
        while isOpen, pipeline.isBusy, unsafe PQisBusy(raw) == 0 {
            if let result = unsafe PQgetResult(raw) {
                unsafe receive(result)
            } else {
                _ = unsafe understand(.end, nil)
                // Nothing under way for libpq and something for us would repeat for ever.
                if isOpen, unsafe PQstatus(raw) == CONNECTION_BAD { loseWithMessage() }
            }
        }
        guard isOpen else { return }
        while let notification = unsafe PQnotifies(raw) {
            let channel = unsafe String(cString: notification.pointee.relname)
            unsafe PQfreemem(notification)
            owner?.connection(self, notifiedOn: channel)
        }
        if isOpen, unsafe PQstatus(raw) == CONNECTION_BAD { loseWithMessage() }
    }

    private func receive(_ result: OpaquePointer) {
        let answer: PipelineState<PipelineUnit>.Answer? =
            switch unsafe PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: .success
            case PGRES_PIPELINE_SYNC: .sync
            case PGRES_PIPELINE_ABORTED: .skipped
            case PGRES_FATAL_ERROR: .failure
            default: nil
            }
        guard let answer else {
            unsafe PQclear(result)
            return lose("the server began a protocol that was not asked for")
        }
        if unsafe understand(answer, result) == false { unsafe PQclear(result) }
    }

    /// Does what an answer means; true when the result has a new owner.
    private func understand(_ answer: PipelineState<PipelineUnit>.Answer, _ result: OpaquePointer?) -> Bool {
        let meaning = pipeline.received(answer)
        let unit = pipeline.units.first
        switch meaning {
        case .nothing:
            return false
        case .result:
            guard let result = unsafe result, let unit else { return false }
            unsafe unit.take(result)
            return true
        case .failure:
            if let result = unsafe result { unsafe fail(unit, ServerError(result: result)) }
        case .prepared(let number):
            refusals[number] = nil
        case .notPrepared(let number, let isCause):
            prepared.remove(number)
            if isCause, let result = unsafe result {
                let error = unsafe ServerError(result: result)
                refusals[number] = error
                fail(unit, error)
            }
        case .finished:
            if let unit = pipeline.finish() { finish(unit) }
        case .outOfStep:
            lose("the server answered what was not asked")
        }
        return false
    }

    private func fail(_ unit: PipelineUnit?, _ error: ServerError) {
        if error.isFatal { fatal = error }
        // libpq makes such a result up when the connection breaks; that is no refusal of the statement.
        guard unsafe PQstatus(raw) != CONNECTION_BAD, !error.isFatal else { return }
        unit?.note(.server(error))
    }

    private func finish(_ unit: PipelineUnit) {
        if needsPreparingAgain(unit) {
            unit.reset()
            outbox.append(unit)
            planSend()
        } else {
            unit.answer()
            tellFinished(unit)
        }
        if !outbox.isEmpty { planSend() }
        liftFenceWhenDrained()
    }

    /// A unit that is sent beside the others, to validate the connection, is not its owner's to count.
    private func tellFinished(_ unit: PipelineUnit) {
        unit.connection = nil
        if unit.onAnswer == nil { owner?.connectionFinishedUnit(self) }
    }

    /// Whether the unit failed only because the session's prepared statements are not what they were.
    ///
    /// The server has undone all of it, so outside an explicit transaction it can simply be sent again.
    private func needsPreparingAgain(_ unit: PipelineUnit) -> Bool {
        guard !unit.isAnswered,
            case .server(let error)? = unit.failure,
            case .statements(let calls) = unit.content
        else { return false }
        switch error.sqlState {
        case .invalidStatementName:
            // Sent behind a statement that could not be prepared: that reason is this one's too.
            if let refusal = calls.lazy.compactMap({ self.refusals[$0.text.number] }).first {
                unit.correct(.server(refusal))
                return false
            }
            prepared.outdateAll()
        case .featureNotSupported where error.message.contains("cached plan"):
            for call in calls { prepared.outdate(call.text.number) }
        default:
            return false
        }
        return unit.repetitions < 3 && unit.commits
    }

    // MARK: Scripts

    private func startScript(_ unit: PipelineUnit, _ text: String) {
        _ = outbox.popFirst()
        guard unsafe PQexitPipelineMode(raw) == 1, unsafe PQsendQuery(raw, text) == 1 else {
            unit.answer(.connectionLost(outcomeUnknown: false))
            return loseWithMessage()
        }
        phase = .scripting(unit)
        flush()
    }

    private func receiveScript(_ unit: PipelineUnit) {
        while unsafe PQisBusy(raw) == 0 {
            guard let result = unsafe PQgetResult(raw) else {
                guard unsafe PQstatus(raw) != CONNECTION_BAD else { return loseWithMessage() }
                phase = .pipelining
                unsafe PQenterPipelineMode(raw)
                unit.answer()
                tellFinished(unit)
                liftFenceWhenDrained()
                return planSend()
            }
            defer { unsafe PQclear(result) }
            switch unsafe PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
            case PGRES_FATAL_ERROR: unsafe fail(unit, ServerError(result: result))
            default: return lose("a script may not copy from or to the client")
            }
        }
    }

    // MARK: Cancelling

    /// Asks the server to cancel, when nobody waits for anything under way: nobody else can be hit then.
    ///
    /// Until the request has been delivered and everything is drained, nothing new is sent.
    private func cancelUnwanted() {
        guard isOpen, !isCancelling, !awaitsCancel, sentStatements == nil else { return }
        if case .scripting(let unit) = phase, !unit.isAnswered { return }
        guard pipeline.count > 0 || isScripting else { return }
        for index in 0..<pipeline.count where !pipeline.units[index].isAnswered {
            // Somebody waits behind; `statement_timeout` is what ends the unit before.
            return cancelTimer.set(Reactor.shared.now + limits.patience)
        }
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

    private func liftFenceWhenDrained() {
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

    private func loseWithMessage() {
        lose(unsafe fatal?.description ?? String(cString: PQerrorMessage(raw)))
    }

    private func lose(_ reason: String) {
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

    private var partlySent: PipelineUnit? { sentStatements == nil ? nil : outbox.first }
}

/// Called by libpq with no actor's knowledge, so of no isolation.
nonisolated private func ignoreNotice(_ argument: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {}
