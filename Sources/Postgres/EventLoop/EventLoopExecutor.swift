internal import CLibPQ
import Glibc
import Synchronization

/// Runs the loop's thread, and takes errands for it from any other.
///
/// `@unchecked`: `thread` is written once by the thread itself before it takes the first errand, and read by
/// others only to compare; everything else is constant or behind the mutex.
@safe
final class EventLoopExecutor: SerialExecutor, @unchecked Sendable {
    /// What the loop is asked to do.
    ///
    /// Units come without a job of the concurrency runtime, which would cost more.
    enum Errand {
        case job(UnownedJob)
        case submit(PipelineUnit, any UnitTarget)
        case discard(PipelineUnit, any UnitTarget)
        case call(@PostgresEventLoop @Sendable () -> Void)
    }

    private struct Inbox {
        var errands: [Errand] = []
        var isAsleep = false
    }

    let epoll: Int32
    let wakeUp: Int32
    private let inbox = Mutex(Inbox())
    private let thread = Atomic<UInt>(0)

    init() {
        breezeway_ignore_sigpipe()
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeUp = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(epoll >= 0 && wakeUp >= 0, "the process has no file descriptor left to begin with")
        startThread("postgres-loop") { [self] in
            thread.store(UInt(pthread_self()), ordering: .releasing)
            PostgresEventLoop.assumeIsolated { Reactor.shared.run(self) }
        }
    }

    /// Whether the caller is on the loop's thread.
    var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Gives the loop an errand, from any thread.
    func send(_ errand: Errand) {
        let wake = inbox.withLock { inbox in
            inbox.errands.append(errand)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if wake { eventfd_write(wakeUp, 1) }
    }

    /// Exchanges the errands that came in for an empty array, whose storage is used for the next ones.
    func take(into errands: inout [Errand]) {
        inbox.withLock { inbox in
            inbox.isAsleep = false
            swap(&inbox.errands, &errands)
        }
    }

    /// Announces that the loop is about to sleep; false when there is an errand already.
    func fallAsleep() -> Bool {
        inbox.withLock { inbox in
            inbox.isAsleep = inbox.errands.isEmpty
            return inbox.isAsleep
        }
    }

    // MARK: SerialExecutor

    func enqueue(_ job: consuming ExecutorJob) {
        send(.job(UnownedJob(job)))
    }

    func checkIsolated() {
        precondition(isCurrent, "not on the event loop of Postgres")
    }

    func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }
}
