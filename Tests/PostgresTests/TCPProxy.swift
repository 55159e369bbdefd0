import Foundation
import Synchronization

/// Stands between a client and a server, with small windows, and stops or cuts on command.
final class TCPProxy: Sendable {
    let port: Int
    private let target: Int
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var isFrozen = false
        var isClosed = false
        var cutPattern: [UInt8]?
        var pairs: [(client: Int32, server: Int32)] = []
    }

    init(to target: Int) throws {
        self.target = target
        listener = try Socket.open()
        port = try Socket.listen(listener)
        startThread { [self] in acceptAll() }
    }

    /// The same URL, through the proxy.
    func url(for url: String) -> String {
        url.replacingOccurrences(of: ":\(target)/", with: ":\(port)/")
    }

    /// Forwards nothing more in either direction, and tells nobody.
    func freeze() {
        state.withLock { $0.isFrozen = true }
    }

    func thaw() {
        state.withLock { $0.isFrozen = false }
    }

    /// Breaks every connection.
    func cutAll() {
        for pair in state.withLock({ $0.pairs }) {
            shutdown(pair.client, Int32(SHUT_RDWR))
            shutdown(pair.server, Int32(SHUT_RDWR))
        }
    }

    /// Forwards the message that contains `text`, lets the server answer it, and breaks the link to the client.
    func cutBeforeAnswer(to text: String) {
        state.withLock { $0.cutPattern = Array(text.utf8) }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        thaw()
        cutAll()
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard let server = try? Socket.open(), Socket.connect(server, port: target) else {
                Glibc.close(client)
                continue
            }
            state.withLock { $0.pairs.append((client, server)) }
            let isCut = Flag()
            startThread { [self] in
                pump(from: client, to: server) { [self] bytes in
                    guard let pattern = state.withLock({ $0.cutPattern }), contains(bytes, pattern) else {
                        return true
                    }
                    isCut.raise()
                    return true
                }
            }
            startThread { [self] in
                pump(from: server, to: client) { _ in !isCut.isRaised }
                shutdown(server, Int32(SHUT_RDWR))
            }
        }
        Glibc.close(listener)
    }

    /// Copies until either end is gone, or `mayPass` refuses.
    private func pump(from source: Int32, to sink: Int32, mayPass: (ArraySlice<UInt8>) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        pumping: while true {
            let count = unsafe recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            while state.withLock({ $0.isFrozen }) { usleep(2_000) }
            guard mayPass(buffer[0..<count]) else { break }
            var sent = 0
            while sent < count {
                let written = unsafe buffer.withUnsafeBytes {
                    unsafe send(
                        sink,
                        $0.baseAddress?.advanced(by: sent),
                        count - sent,
                        Int32(MSG_NOSIGNAL)
                    )
                }
                guard written > 0 else { break pumping }
                sent += written
            }
        }
        while state.withLock({ $0.isFrozen }) { usleep(2_000) }
        shutdown(sink, Int32(SHUT_RDWR))
        shutdown(source, Int32(SHUT_RD))
    }

    private func contains(_ bytes: ArraySlice<UInt8>, _ pattern: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: pattern) }
    }

    private func startThread(_ body: @escaping @Sendable () -> Void) {
        Thread.detachNewThread(body)
    }
}

/// A claim that becomes true once.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}

/// Sockets of 127.0.0.1.
enum Socket {
    static func open() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
        var size: Int32 = 16_384
        for option in [SO_RCVBUF, SO_SNDBUF] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        return descriptor
    }

    /// Listens on a port of the kernel's choice, with room for few who are not accepted.
    static func listen(_ descriptor: Int32, backlog: Int32 = 64) throws -> Int {
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, length) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard status, Glibc.listen(descriptor, backlog) == 0 else { throw POSIXError(.EADDRINUSE) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func connect(_ descriptor: Int32, port: Int) -> Bool {
        var address = address(port: port)
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe Glibc.connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        return address
    }
}
