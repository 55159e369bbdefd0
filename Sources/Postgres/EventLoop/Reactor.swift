internal import CLibPQ

/// Somebody who waits for a socket.
@PostgresEventLoop
protocol SocketOwner: AnyObject {
    /// The socket can be read or written, or has failed.
    func socketReady(writable: Bool)
}

/// What waits on the loop: sockets, timers, and connections with something to send.
///
/// One turn: wait, serve sockets, take errands, fire timers, and only then send what has gathered, so that units
/// which arrive together leave in one system call.
@PostgresEventLoop
final class Reactor {
    static let shared = Reactor()

    /// When the turn began; good enough for all that happens in it.
    private(set) var now = Moment.now()
    private var owners: [UInt64: any SocketOwner] = [:]
    private var lastToken: UInt64 = 0
    private var armed: [LoopTimer] = []
    private var earliest = Moment.never
    private var senders: [Connection] = []
    private var sending: [Connection] = []

    private init() {}

    // MARK: Sockets

    /// Watches a socket until `unwatch`; the token tells this watch from a later one of the same descriptor.
    func watch(_ socket: Int32, writable: Bool, owner: any SocketOwner, readable: Bool = true) -> UInt64 {
        lastToken += 1
        owners[lastToken] = owner
        var event = unsafe Self.event(readable: readable, writable: writable, token: lastToken)
        unsafe epoll_ctl(PostgresEventLoop.shared.executor.epoll, EPOLL_CTL_ADD, socket, &event)
        return lastToken
    }

    /// Also waits, or no longer waits, until the socket can be written.
    func change(_ token: UInt64, _ socket: Int32, writable: Bool) {
        var event = unsafe Self.event(readable: true, writable: writable, token: token)
        unsafe epoll_ctl(PostgresEventLoop.shared.executor.epoll, EPOLL_CTL_MOD, socket, &event)
    }

    /// Forgets a socket.
    ///
    /// One that libpq has closed already is gone from epoll, and removing it again is no error.
    func unwatch(_ token: UInt64, _ socket: Int32) {
        owners[token] = nil
        var event = unsafe epoll_event()
        unsafe epoll_ctl(PostgresEventLoop.shared.executor.epoll, EPOLL_CTL_DEL, socket, &event)
    }

    private static func event(readable: Bool, writable: Bool, token: UInt64) -> epoll_event {
        var event = unsafe epoll_event()
        unsafe event.events = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
        unsafe event.data.u64 = token
        return unsafe event
    }

    // MARK: Timers and senders

    func arm(_ timer: LoopTimer) {
        if !timer.isListed {
            timer.isListed = true
            armed.append(timer)
        }
        if timer.deadline < earliest { earliest = timer.deadline }
    }

    /// Has the connection send at the end of this turn.
    func sendLater(_ connection: Connection) {
        senders.append(connection)
    }

    // MARK: The loop

    func run(_ executor: EventLoopExecutor) -> Never {
        var errands: [EventLoopExecutor.Errand] = []
        var events = unsafe [epoll_event](repeating: epoll_event(), count: 64)
        // Its own watch has no owner: the token 0 only says that there are errands.
        var wakeUp = unsafe Self.event(readable: true, writable: false, token: 0)
        unsafe epoll_ctl(executor.epoll, EPOLL_CTL_ADD, executor.wakeUp, &wakeUp)

        while true {
            let timeout = senders.isEmpty && executor.fallAsleep() ? millisecondsToEarliest() : 0
            let count = unsafe epoll_wait(executor.epoll, &events, Int32(events.count), timeout)
            now = Moment.now()
            for index in 0..<max(0, Int(count)) {
                let (token, ready) = unsafe (events[index].data.u64, events[index].events)
                if token == 0 {
                    var value: eventfd_t = 0
                    unsafe eventfd_read(executor.wakeUp, &value)
                } else {
                    owners[token]?.socketReady(writable: ready & EPOLLOUT.rawValue != 0)
                }
            }
            executor.take(into: &errands)
            for errand in errands { perform(errand, on: executor) }
            errands.removeAll(keepingCapacity: true)
            if earliest <= now { fireTimers() }
            sendAll()
            ResultGraveyard.shared.clear()
        }
    }

    private func perform(_ errand: EventLoopExecutor.Errand, on executor: EventLoopExecutor) {
        switch errand {
        case .submit(let unit, let target): target.accept(unit)
        case .discard(let unit, let target): target.discard(unit)
        case .job(let job): unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
        case .call(let body): body()
        }
    }

    private func sendAll() {
        guard !senders.isEmpty else { return }
        // Who has more to send asks again, and has his turn when the others have had theirs.
        swap(&senders, &sending)
        for connection in sending { connection.sendGathered() }
        sending.removeAll(keepingCapacity: true)
    }

    /// Rounded up, so that the loop does not turn idly just before a deadline.
    private func millisecondsToEarliest() -> Int32 {
        guard earliest < .never else { return -1 }
        let nanoseconds = max(0, earliest.nanoseconds - Moment.now().nanoseconds)
        return Int32(clamping: (nanoseconds + 999_999) / 1_000_000)
    }

    /// Timers are moved far more often than they fire, so a moved one stays where it is and is looked at here.
    private func fireTimers() {
        let candidates = armed
        armed.removeAll(keepingCapacity: true)
        earliest = .never
        for timer in candidates {
            timer.isListed = false
            if timer.deadline <= now {
                timer.deadline = .never
                timer.action()
            } else if timer.deadline < .never, !timer.isListed {
                arm(timer)
            }
        }
    }
}

/// A moment at which something is to be done, moved and stopped at no cost.
@PostgresEventLoop
final class LoopTimer {
    fileprivate(set) var deadline = Moment.never
    fileprivate var isListed = false
    fileprivate let action: () -> Void

    /// `action` must not own the timer's owner.
    ///
    /// A timer that is stopped is not let go of at once.
    init(_ action: @escaping () -> Void) {
        self.action = action
    }

    /// Fires at `moment` and at no other.
    func set(_ moment: Moment) {
        deadline = moment
        if moment < .never { Reactor.shared.arm(self) }
    }

    /// Fires at `moment` unless it fires sooner.
    func advance(to moment: Moment) {
        if moment < deadline { set(moment) }
    }

    func stop() {
        deadline = .never
    }
}
