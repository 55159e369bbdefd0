internal import CLibPQ
import Glibc
import Synchronization

/// Starts a thread that runs `body` once and is nobody's to join.
func startThread(_ name: StaticString, _ body: @escaping @Sendable () -> Void) {
    final class Start {
        let name: StaticString
        let body: @Sendable () -> Void

        init(name: StaticString, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var thread = pthread_t()
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
    let status = unsafe pthread_create(
        &thread,
        nil,
        { raw in
            guard let raw = unsafe raw else { return nil }
            let start = unsafe Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
            start.name.withUTF8Buffer { unsafe breezeway_name_thread($0.baseAddress) }
            start.body()
            return nil
        },
        start
    )
    precondition(status == 0, "the process cannot start one more thread")
    pthread_detach(thread)
}

/// A thread for calls that may block, one after the other, away from the loop and from Swift's own threads.
@safe
final class BlockingThread: @unchecked Sendable {
    /// A semaphore never moves, and is used by its own functions alone, which are safe between threads.
    private let available: UnsafeMutablePointer<sem_t>
    private let calls = Mutex<[@Sendable () -> Void]>([])

    init(_ name: StaticString) {
        unsafe available = .allocate(capacity: 1)
        unsafe sem_init(available, 0, 0)
        startThread(name) { [self] in
            while true {
                while unsafe sem_wait(available) != 0 {}
                let call = calls.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                call?()
            }
        }
    }

    /// Runs `call` when all that came before it have returned.
    func run(_ call: @escaping @Sendable () -> Void) {
        calls.withLock { $0.append(call) }
        unsafe sem_post(available)
    }

    /// Resolves names.
    ///
    /// A resolver that hangs delays other names and nothing else.
    static let resolver = BlockingThread("postgres-names")
    /// Sends cancel requests, each a connection of its own.
    static let canceller = BlockingThread("postgres-cancel")
}
