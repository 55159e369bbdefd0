import Logging

/// Performs what ``PoolState`` decides: opens, validates and closes connections, and hands them units and leases.
@PostgresEventLoop
final class PoolDriver: ConnectionOwner, UnitTarget {
    let settings: PostgresSettings
    private let parameters: ConnectionParameters
    private let logger: Logger
    private let meters: PoolMeters
    private var state: PoolState<PipelineUnit, LeaseRequest>
    private var connections: [Connection?]
    private var slots: [ObjectIdentifier: Int] = [:]
    private var attempt: ConnectAttempt?
    private var goodHost: ConnectionParameters.Host?
    /// Fires for attempts, lifetimes and those who have waited long enough.
    private lazy var timer = LoopTimer { [unowned self] in tick() }
    private lazy var upkeep = LoopTimer { [unowned self] in keepUp() }
    private var isRunning = false
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []
    let reserve: ReserveConnection

    nonisolated init(
        _ settings: PostgresSettings,
        _ parameters: ConnectionParameters,
        logger: Logger,
        name: String
    ) {
        self.settings = settings
        self.parameters = parameters
        self.logger = logger
        meters = PoolMeters(pool: name)
        state = PoolState(
            .init(
                connections: settings.connections,
                depth: settings.pipelineDepth,
                waiting: settings.waitingLimit,
                validationAge: settings.validationAge,
                lifetime: settings.maximumLifetime,
                idle: settings.idleTimeout,
                minimumBackoff: settings.minimumBackoff,
                maximumBackoff: settings.maximumBackoff
            )
        )
        connections = Array(repeating: nil, count: settings.connections)
        reserve = ReserveConnection(settings, parameters)
    }

    // MARK: Life

    /// Opens the first connection and keeps the pool healthy until `shutDown`.
    func start() {
        isRunning = true
        state.warm()
        perform()
        keepUp()
    }

    /// Refuses newcomers, lets what is under way end within `grace`, then closes everything.
    func shutDown(grace: Duration) async {
        isRunning = false
        state.shutDown(now: Moment.now())
        refuseWaiting(.unavailable("the pool is shut down"))
        perform()
        reserve.close()
        attempt?.cancel()
        attempt = nil
        if state.open > 0 {
            let limit = LoopTimer { [unowned self] in closeAll() }
            limit.set(Moment.now() + grace)
            defer { limit.stop() }
            await withCheckedContinuation { whenEmpty.append($0) }
        }
        timer.stop()
        upkeep.stop()
    }

    private func closeAll() {
        for connection in connections { connection?.close() }
        resumeIfEmpty()
    }

    private func resumeIfEmpty() {
        guard state.open == 0 else { return }
        for continuation in whenEmpty { continuation.resume() }
        whenEmpty = []
    }

    private func keepUp() {
        state.tick(now: Reactor.shared.now)
        perform()
        meters.report(open: state.open, underWay: state.underWay, waiting: state.waiting)
        if isRunning { upkeep.set(Moment.now() + .seconds(1)) }
    }

    // MARK: Units

    func accept(_ unit: PipelineUnit) {
        guard unit.arrive() else { return }
        dispatch(unit)
    }

    func discard(_ unit: PipelineUnit) {
        if let connection = unit.connection { return connection.discard(unit) }
        let isWaiting = unit.isSubmitted && !unit.isAnswered
        unit.answer(.cancelled)
        if isWaiting { forgetAnswered() }
    }

    /// Those who no longer wait must not take the places of those who would.
    private func forgetAnswered() {
        state.forget(units: \.isAnswered, leases: \.isAnswered, now: Reactor.shared.now)
        perform()
    }

    private func dispatch(_ unit: PipelineUnit) {
        switch state.place(unit, now: Reactor.shared.now) {
        case .assigned(let slot):
            send(unit, slot)
            if !state.chores.isEmpty { perform() }
        case .waits:
            unit.waitsUntil = min(unit.deadline, Reactor.shared.now + settings.acquireTimeout)
            timer.advance(to: unit.waitsUntil)
            perform()
        case .exhausted:
            meters.refused(.exhausted)
            unit.answer(.poolExhausted)
        case .away(let reason):
            meters.refused(.away)
            unit.answer(.unavailable(reason))
        }
    }

    private func send(_ unit: PipelineUnit, _ slot: Int) {
        guard let connection = connections[slot] else { return unit.answer(.unavailable("no connection")) }
        unit.connection = connection
        connection.enqueue(unit)
    }

    // MARK: Leases

    /// A connection for one's own; it must be given back with `release`.
    func lease(_ request: LeaseRequest) {
        switch state.lease(request, now: Reactor.shared.now) {
        case .assigned, .waits:
            timer.advance(to: request.waitsUntil)
            perform()
        case .exhausted:
            meters.refused(.exhausted)
            request.answer(.failure(.poolExhausted))
        case .away(let reason):
            meters.refused(.away)
            request.answer(.failure(.unavailable(reason)))
        }
    }

    /// Takes a leased connection back; one that is still in a transaction or at work is closed.
    func release(_ connection: Connection) {
        guard let slot = slots[ObjectIdentifier(connection)] else { return }
        guard connection.isIdle, connection.isOutsideTransaction else { return connection.close() }
        state.released(slot, now: Reactor.shared.now)
        perform()
    }

    /// Whoever asked no longer waits.
    func discard(_ request: LeaseRequest) {
        request.answer(.failure(.cancelled))
        forgetAnswered()
    }

    // MARK: What connections report

    func connectionFinishedUnit(_ connection: Connection) {
        guard let slot = slots[ObjectIdentifier(connection)] else { return }
        state.finished(slot, now: Reactor.shared.now)
        if !state.chores.isEmpty { perform() }
    }

    func connection(_ connection: Connection, isFenced: Bool) {
        guard let slot = slots[ObjectIdentifier(connection)] else { return }
        state.fence(slot, isFenced, now: Reactor.shared.now)
        perform()
    }

    func connectionLost(_ connection: Connection, reason: String, unsent: [PipelineUnit]) {
        guard let slot = slots.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        connections[slot] = nil
        if isRunning {
            logger.notice("a connection was lost", metadata: ["reason": "\(reason)"])
            meters.lost()
        }
        state.lost(slot, now: Reactor.shared.now)
        for unit in unsent {
            unit.connection = nil
            dispatch(unit)
        }
        perform()
        resumeIfEmpty()
    }

    func connection(_ connection: Connection, notifiedOn channel: String) {}

    // MARK: Chores

    private func perform() {
        while !state.chores.isEmpty {
            for chore in state.takeChores() {
                switch chore {
                case .connect: connect()
                case .validate(let slot): validate(slot)
                case .close(let slot): close(slot)
                case .send(let unit, let slot):
                    if unit.isAnswered {
                        state.finished(slot, now: Reactor.shared.now)
                    } else {
                        send(unit, slot)
                    }
                case .grant(let request, let slot):
                    guard let connection = connections[slot], !request.isAnswered else {
                        state.released(slot, now: Reactor.shared.now)
                        continue
                    }
                    request.answer(.success(connection))
                }
            }
        }
        if state.nextAttempt < .never { timer.advance(to: state.nextAttempt) }
    }

    private func connect() {
        attempt = ConnectAttempt(parameters, timeout: settings.connectTimeout, preferring: goodHost) {
            [weak self] result, host in
            self?.connected(result, host)
        }
    }

    private func connected(_ result: Result<Connection, PostgresError>, _ host: ConnectionParameters.Host?) {
        attempt = nil
        let now = Reactor.shared.now
        switch result {
        case .success(let connection):
            goodHost = host
            if state.absence != nil { logger.notice("the database is back") }
            guard let slot = state.connected(now: now, spread: .random(in: 0...1)) else {
                return connection.close()
            }
            connection.owner = self
            connections[slot] = connection
            slots[ObjectIdentifier(connection)] = slot
            meters.opened()
        case .failure(let error):
            let reason: String = if case .unavailable(let why) = error { why } else { "\(error)" }
            let wasAway = state.absence != nil
            state.connectFailed(reason, now: now, spread: .random(in: 0...1))
            meters.failedToConnect()
            if state.absence != nil {
                if !wasAway { logger.warning("the database is away", metadata: ["reason": "\(reason)"]) }
                refuseWaiting(.unavailable(reason))
            }
        }
        perform()
    }

    private func validate(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        let unit = PipelineUnit(
            .statements([Self.nothing]),
            deadline: Reactor.shared.now + .milliseconds(500),
            commits: false
        )
        unit.onAnswer = { [weak self, weak connection] failure in
            guard let self, let connection, self.slots[ObjectIdentifier(connection)] == slot else { return }
            if failure == nil {
                state.validated(slot, now: Reactor.shared.now)
                perform()
            } else {
                connection.close()
            }
        }
        _ = unit.arrive()
        connection.enqueue(unit)
    }

    private static let nothing = StatementCall(text: .of("SELECT", types: []), parameters: [])

    private func close(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        connections[slot] = nil
        slots[ObjectIdentifier(connection)] = nil
        connection.owner = nil
        connection.close()
        resumeIfEmpty()
    }

    // MARK: Time

    private func tick() {
        let now = Reactor.shared.now
        state.tick(now: now)
        var refused = false
        var next = Moment.never
        for index in 0..<state.units.count where !state.units[index].isAnswered {
            let unit = state.units[index]
            if unit.waitsUntil > now {
                next = min(next, unit.waitsUntil)
            } else {
                refused = true
                meters.refused(.exhausted)
                unit.answer(unit.deadline <= now ? .deadlineExceeded : waitedTooLong)
            }
        }
        for index in 0..<state.leases.count where !state.leases[index].isAnswered {
            let request = state.leases[index]
            if request.waitsUntil > now {
                next = min(next, request.waitsUntil)
            } else {
                refused = true
                meters.refused(.exhausted)
                request.answer(.failure(waitedTooLong))
            }
        }
        if refused { state.forget(units: \.isAnswered, leases: \.isAnswered, now: now) }
        if next < .never { timer.advance(to: next) }
        perform()
    }

    private var waitedTooLong: PostgresError {
        state.open == 0 ? .unavailable("no connection could be opened in time") : .poolExhausted
    }

    private func refuseWaiting(_ error: PostgresError) {
        let (units, requests) = state.dismissWaiting()
        for unit in units { unit.answer(error) }
        for request in requests { request.answer(.failure(error)) }
    }
}
