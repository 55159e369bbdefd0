internal import CLibPQ
import Glibc

/// One attempt at a session: each host's addresses in turn, until one gives a session that fits.
///
/// libpq's own list of hosts is not used, because its nonblocking form never gives up on one of them, and because
/// it would resolve their names on this thread.
@PostgresEventLoop
@safe
final class ConnectAttempt: SocketOwner {
    /// What came of it, and the host that gave the session.
    typealias Completion = (Result<Connection, PostgresError>, ConnectionParameters.Host?) -> Void

    private let parameters: ConnectionParameters
    private let timeout: Duration
    private let limits: Connection.Limits
    private var remaining: [ConnectionParameters.Host]
    private var host: ConnectionParameters.Host?
    private var reasons: [String] = []
    private var raw: OpaquePointer?
    private var watch: UInt64 = 0
    private var socket: Int32 = -1
    private lazy var timer = LoopTimer { [weak self] in self?.fail("no answer in time") }
    /// Whoever asked may forget the attempt; it stays until it is complete.
    private var itself: ConnectAttempt?
    private var resolutions = 0
    private var completion: Completion?

    /// Begins at once; `completion` is called once, also when nothing can be begun.
    init(
        _ parameters: ConnectionParameters,
        timeout: Duration,
        preferring preferred: ConnectionParameters.Host? = nil,
        limits: Connection.Limits = Connection.Limits(),
        completion: @escaping Completion
    ) {
        self.parameters = parameters
        self.timeout = timeout
        self.limits = limits
        self.completion = completion
        // Taken from the end.
        remaining = parameters.hosts.reversed()
        let isPreferred = { (host: ConnectionParameters.Host) in
            host.name == preferred?.name && host.port == preferred?.port
        }
        if preferred != nil, let index = remaining.firstIndex(where: isPreferred) {
            remaining.append(remaining.remove(at: index))
        }
        itself = self
        next()
    }

    isolated deinit {
        unsafe PQfinish(raw)
    }

    /// Gives up; the completion is not called any more.
    func cancel() {
        completion = nil
        abandon()
        end()
    }

    private func next() {
        guard completion != nil else { return }
        guard let host = remaining.popLast() else {
            return complete(.failure(.unavailable(reasons.joined(separator: "; "))))
        }
        timer.set(Moment.now() + timeout)
        guard let name = host.name, host.address == nil, !NameResolver.isNumeric(name) else {
            return start(host)
        }
        resolutions += 1
        let resolution = resolutions
        BlockingThread.resolver.run {
            let addresses = NameResolver.addresses(of: name)
            PostgresEventLoop.shared.executor.send(
                .call {
                    // A late answer belongs to a host that has been given up.
                    guard resolution == self.resolutions, self.completion != nil, self.socket < 0 else {
                        return
                    }
                    guard !addresses.isEmpty else { return self.fail("the name \(name) has no address") }
                    for address in addresses.reversed() {
                        var resolved = host
                        resolved.address = address
                        self.remaining.append(resolved)
                    }
                    self.next()
                }
            )
        }
    }

    private func start(_ host: ConnectionParameters.Host) {
        self.host = host
        let values = parameters.values(for: host)
        let keywords = unsafe (values.map { unsafe strdup($0.0) } + [nil]).map { unsafe UnsafePointer($0) }
        let texts = unsafe (values.map { unsafe strdup($0.1) } + [nil]).map { unsafe UnsafePointer($0) }
        unsafe raw = unsafe PQconnectStartParams(keywords, texts, 0)
        for index in unsafe keywords.indices {
            unsafe free(UnsafeMutableRawPointer(mutating: keywords[index]))
            unsafe free(UnsafeMutableRawPointer(mutating: texts[index]))
        }
        guard let raw = unsafe raw, unsafe PQstatus(raw) != CONNECTION_BAD else { return fail(message) }
        wait(readable: false, writable: true)
    }

    func socketReady(writable: Bool) {
        guard let raw = unsafe raw else { return }
        // The poll may close this socket and open another, even of the same number.
        unwatch()
        switch unsafe PQconnectPoll(raw) {
        case PGRES_POLLING_READING: wait(readable: true, writable: false)
        case PGRES_POLLING_WRITING: wait(readable: false, writable: true)
        case PGRES_POLLING_OK:
            unsafe self.raw = nil
            complete(.success(unsafe Connection(established: raw, limits: limits)))
        default: fail(message)
        }
    }

    private func wait(readable: Bool, writable: Bool) {
        socket = unsafe PQsocket(raw)
        watch = Reactor.shared.watch(socket, writable: writable, owner: self, readable: readable)
    }

    private func unwatch() {
        if socket >= 0 { Reactor.shared.unwatch(watch, socket) }
        socket = -1
    }

    private var message: String {
        unsafe raw.map { unsafe String(cString: PQerrorMessage($0)) } ?? "out of memory"
    }

    private func fail(_ reason: String) {
        reasons.append(String(reason.prefix(300)))
        resolutions += 1
        abandon()
        next()
    }

    private func abandon() {
        unwatch()
        if let raw = unsafe raw { unsafe PQfinish(raw) }
        unsafe raw = nil
    }

    private func complete(_ result: Result<Connection, PostgresError>) {
        let completion = completion
        end()
        completion?(result, host)
    }

    private func end() {
        completion = nil
        timer.stop()
        itself = nil
    }
}
