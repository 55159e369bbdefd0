/// Which connections a pool has, who waits for one, and whether the server is away.
///
/// Pure: it is told what happens and when, and answers with what to do. A slot goes
///
///     vacant → connecting → ready ⇄ validating
///       ↑          │          │ ↘ leased → ready
///       └──────────┴──────────┘ (lost, closed, retired)
///
/// A unit goes to an idle connection, or waits for a new one or one that becomes idle, so that it is not held up
/// by a slow one; only when the pool cannot grow does it share the least busy. A lease needs an idle
/// connection for itself, and never takes the last one of several. While the server is away (the last attempt
/// failed and no connection is left) everybody is refused at once; one attempt at a time goes on behind.
struct PoolState<Unit, Lease> {
    struct Limits: Sendable {
        var connections: Int
        var depth: Int
        var waiting: Int
        var validationAge: Duration
        var lifetime: Duration
        var idle: Duration
        var minimumBackoff: Duration
        var maximumBackoff: Duration
    }

    /// Something the driver must do.
    enum Chore {
        case connect
        case validate(Int)
        case close(Int)
        case send(Unit, Int)
        case grant(Lease, Int)
    }

    /// What becomes of a request.
    enum Placement: Equatable {
        case assigned(Int)
        case waits
        case exhausted
        case away(String)
    }

    private enum Phase: Equatable {
        case vacant
        case validating
        case ready
        case leased
    }

    private struct Slot {
        var phase = Phase.vacant
        var load = 0
        /// It takes no units until its owner says so.
        var isFenced = false
        /// It takes no units until it is idle, and then goes to a lease.
        var isReserved = false
        var isRetiring = false
        var idleSince = Moment(nanoseconds: 0)
        var retiresAt = Moment.never
        var lastProgress = Moment(nanoseconds: 0)
    }

    private let limits: Limits
    private var slots: [Slot]
    private(set) var units = RingBuffer<Unit>()
    private(set) var leases = RingBuffer<Lease>()
    private var isConnecting = false
    private var failures = 0
    private var reason: String?
    private(set) var nextAttempt = Moment.never
    private var isShutDown = false
    private(set) var chores: [Chore] = []

    init(_ limits: Limits) {
        self.limits = limits
        slots = Array(repeating: Slot(), count: limits.connections)
    }

    // MARK: Facts

    /// Why the server counts as away; nil while it does not.
    var absence: String? { reason }

    var open: Int { slots.count { $0.phase != .vacant } }
    var waiting: Int { units.count + leases.count }
    var underWay: Int { slots.reduce(0) { $0 + $1.load } }

    mutating func takeChores() -> [Chore] {
        defer { chores.removeAll(keepingCapacity: true) }
        return chores
    }

    // MARK: Requests

    /// Opens the first connection before anybody asks.
    mutating func warm() {
        if open == 0 { grow() }
    }

    /// Finds a place for a unit.
    ///
    /// `assigned` is to be sent there; `waits` comes back as a chore.
    mutating func place(_ unit: Unit, now: Moment) -> Placement {
        if let slot = bestSlot(now) {
            assign(slot)
            return .assigned(slot)
        }
        if let refusal = refusal() { return refusal }
        units.append(unit)
        grow()
        return .waits
    }

    /// Finds a connection for a lease, which always comes back as a chore unless it is refused.
    mutating func lease(_ lease: Lease, now: Moment) -> Placement {
        if let refusal = refusal() { return refusal }
        leases.append(lease)
        serve(now)
        return .waits
    }

    /// Forgets everybody who no longer waits.
    mutating func forget(units isGone: (Unit) -> Bool, leases isGoneLease: (Lease) -> Bool, now: Moment) {
        _ = units.removeAll(where: isGone)
        _ = leases.removeAll(where: isGoneLease)
        for slot in slots.indices where slots[slot].isReserved && reserved > leases.count {
            slots[slot].isReserved = false
        }
        serve(now)
    }

    /// Takes out everybody who waits, to be refused.
    mutating func dismissWaiting() -> (units: [Unit], leases: [Lease]) {
        for slot in slots.indices { slots[slot].isReserved = false }
        return (units.removeAll { _ in true }, leases.removeAll { _ in true })
    }

    private func refusal() -> Placement? {
        if isShutDown { return .away("the pool is shut down") }
        if let reason { return .away(reason) }
        return waiting >= limits.waiting ? .exhausted : nil
    }

    // MARK: Connections

    /// An attempt succeeded; the connection is the returned slot's, or nobody's when the pool has shut down.
    mutating func connected(now: Moment, spread: Double) -> Int? {
        isConnecting = false
        guard !isShutDown, let slot = slots.firstIndex(where: { $0.phase == .vacant }) else { return nil }
        failures = 0
        reason = nil
        nextAttempt = .never
        slots[slot] = Slot(
            phase: .ready,
            idleSince: now,
            retiresAt: now + limits.lifetime * (0.9 + 0.2 * spread),
            lastProgress: now
        )
        serve(now)
        return slot
    }

    /// An attempt failed; the next is made after a random part of a wait that doubles.
    mutating func connectFailed(_ why: String, now: Moment, spread: Double) {
        isConnecting = false
        let doubled = limits.minimumBackoff * (1 << min(failures, 10))
        let longest = min(doubled, limits.maximumBackoff)
        nextAttempt = now + longest * (0.5 + 0.5 * spread)
        failures += 1
        if open == 0 { reason = why } else { serve(now) }
    }

    /// A connection is gone.
    mutating func lost(_ slot: Int, now: Moment) {
        slots[slot] = Slot()
        // The first attempt is made at once: a single connection may have been ended on purpose.
        if open == 0 || waiting > 0 { grow() }
    }

    /// A unit is done.
    mutating func finished(_ slot: Int, now: Moment) {
        // Units of a lease's holder are not counted.
        guard slots[slot].phase == .ready, slots[slot].load > 0 else { return }
        slots[slot].load -= 1
        slots[slot].lastProgress = now
        if slots[slot].load == 0 { slots[slot].idleSince = now }
        settle(slot, now)
    }

    /// A validation succeeded.
    mutating func validated(_ slot: Int, now: Moment) {
        guard slots[slot].phase == .validating else { return }
        slots[slot].phase = .ready
        slots[slot].idleSince = now
        settle(slot, now)
    }

    mutating func fence(_ slot: Int, _ isFenced: Bool, now: Moment) {
        slots[slot].isFenced = isFenced
        settle(slot, now)
    }

    /// A lease has ended; its connection can be used again.
    mutating func released(_ slot: Int, now: Moment) {
        guard slots[slot].phase == .leased else { return }
        slots[slot].phase = .ready
        slots[slot].load = 0
        slots[slot].idleSince = now
        settle(slot, now)
    }

    /// Time has passed: attempts that are due, connections too old or idle too long.
    mutating func tick(now: Moment) {
        if nextAttempt <= now {
            nextAttempt = .never
            if open == 0 || waiting > 0 { connect() }
        }
        for slot in slots.indices where slots[slot].phase == .ready {
            let isUnneeded = slots[slot].load == 0 && open > 1 && slots[slot].idleSince + limits.idle <= now
            if slots[slot].retiresAt <= now || isUnneeded {
                slots[slot].isRetiring = true
                settle(slot, now)
            }
        }
    }

    /// Everything idle is closed now, and what is busy when it is done.
    ///
    /// Nobody is admitted any more.
    mutating func shutDown(now: Moment) {
        isShutDown = true
        nextAttempt = .never
        for slot in slots.indices where slots[slot].phase != .vacant {
            slots[slot].isRetiring = true
            settle(slot, now)
        }
    }

    // MARK: Rules

    /// The connection a unit goes to: the least busy, and among equals the one heard from last.
    private mutating func bestSlot(_ now: Moment) -> Int? {
        var best: Int?
        let depth = canGrow ? 1 : limits.depth
        for slot in slots.indices where isUsable(slot) && slots[slot].load < depth {
            guard isFresh(slot, now) else { continue }
            guard let current = best else {
                best = slot
                continue
            }
            let (left, right) = (slots[slot], slots[current])
            if left.load < right.load
                || left.load == right.load && left.load > 0
                    && left.lastProgress > right.lastProgress
            {
                best = slot
            }
        }
        return best
    }

    /// Whether it need not be asked first if it is still there; asks it when it must.
    private mutating func isFresh(_ slot: Int, _ now: Moment) -> Bool {
        guard slots[slot].load == 0, slots[slot].idleSince + limits.validationAge <= now else { return true }
        slots[slot].phase = .validating
        chores.append(.validate(slot))
        return false
    }

    private func isUsable(_ slot: Int) -> Bool {
        let slot = slots[slot]
        return slot.phase == .ready && !slot.isFenced && !slot.isReserved && !slot.isRetiring
    }

    private mutating func assign(_ slot: Int) {
        slots[slot].load += 1
        if slots[slot].load == 1 { slots[slot].lastProgress = slots[slot].idleSince }
    }

    /// Something about a slot changed: close it, lease it, or give it to those who wait.
    private mutating func settle(_ slot: Int, _ now: Moment) {
        let isIdle = slots[slot].phase == .ready && slots[slot].load == 0
        if slots[slot].isRetiring, isIdle, !slots[slot].isFenced {
            chores.append(.close(slot))
            slots[slot] = Slot()
            if waiting > 0 { grow() }
            return
        }
        if waiting > 0 { serve(now) }
    }

    private mutating func serve(_ now: Moment) {
        while !leases.isEmpty, let slot = slotToLease(now), let lease = leases.popFirst() {
            slots[slot].phase = .leased
            slots[slot].isReserved = false
            chores.append(.grant(lease, slot))
        }
        while !units.isEmpty, let slot = bestSlot(now), let unit = units.popFirst() {
            assign(slot)
            chores.append(.send(unit, slot))
        }
        reserve()
        if waiting > 0 { grow() }
    }

    private var reserved: Int { slots.count { $0.isReserved } }
    private var leased: Int { slots.count { $0.phase == .leased } }

    /// Of several connections one always serves units.
    private var leasable: Int { limits.connections == 1 ? 1 : limits.connections - 1 }

    private mutating func slotToLease(_ now: Moment) -> Int? {
        guard leased < leasable else { return nil }
        for slot in slots.indices
        where slots[slot].phase == .ready && slots[slot].load == 0 && !slots[slot].isFenced
            && !slots[slot].isRetiring && isFresh(slot, now)
        {
            return slot
        }
        return nil
    }

    /// Leases that wait get connections that take no more units, so that units cannot starve them.
    private mutating func reserve() {
        while reserved < leases.count, leased + reserved < leasable, open == limits.connections,
            let slot = slots.indices.filter({ isUsable($0) }).min(by: { slots[$0].load < slots[$1].load })
        {
            slots[slot].isReserved = true
        }
    }

    /// One more connection, when one is allowed; one at a time, so that a restarted server is not stormed.
    private mutating func grow() {
        if canGrow { connect() }
    }

    private var canGrow: Bool { nextAttempt == .never && open < limits.connections && !isShutDown }

    private mutating func connect() {
        guard !isConnecting, !isShutDown else { return }
        isConnecting = true
        chores.append(.connect)
    }
}

extension PoolState: Sendable where Unit: Sendable, Lease: Sendable {}
extension PoolState.Chore: Sendable where Unit: Sendable, Lease: Sendable {}
