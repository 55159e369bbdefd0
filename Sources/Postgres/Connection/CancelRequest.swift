internal import CLibPQ

/// Permission to ask the server to cancel whatever one connection is doing.
///
/// `@unchecked`: libpq makes it independent of its connection, and it is used on one thread and then freed.
@safe
final class CancelRequest: @unchecked Sendable {
    private let raw: OpaquePointer

    init?(_ connection: OpaquePointer) {
        guard let raw = unsafe PQgetCancel(connection) else { return nil }
        unsafe self.raw = unsafe raw
    }

    deinit {
        unsafe PQfreeCancel(raw)
    }

    /// Sends the request and returns when the server has acted on it.
    ///
    /// Blocks for as long as the network takes.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        // One that fails is made good by the connection's drain deadline.
        unsafe _ = PQcancel(raw, &message, Int32(message.count))
    }
}
