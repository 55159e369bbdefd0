import CoreMetrics
import HTTPTypes
import Logging
import NIOCore
import Synchronization

/// What all connections of a server share: how many there are, whether the service drains, and how refusals
/// are written.
final class HTTPEdge: Sendable {
    /// The paths that connections beyond the limit are still accepted for.
    static let reserved: Set<String> = ["/healthz", "/readyz", "/metrics"]

    let drain: DrainSignal
    private let errors: ErrorAnswers
    private let logger: Logger
    private let registry: MetricsRegistry
    private let connections = Atomic<Int>(0)
    private let refusals = Mutex<[String: any CounterHandler]>([:])

    init(drain: DrainSignal, errors: ErrorAnswers, logger: Logger, registry: MetricsRegistry) {
        self.drain = drain
        self.errors = errors
        self.logger = logger
        self.registry = registry
        registry.describe("http_connections", "Open HTTP connections.")
        registry.describe("http_refused_total", "Requests refused before routing, by code.")
    }

    /// Counts a connection; how many there are with it.
    func connectionOpened() -> Int {
        connections.add(1, ordering: .relaxed).newValue
    }

    /// Counts a connection out.
    func connectionClosed() {
        connections.subtract(1, ordering: .relaxed)
    }

    /// How many connections are open.
    var openConnections: Int { connections.load(ordering: .relaxed) }

    /// The bytes of a refusal's answer; logged and counted.
    func answer(_ refusal: PlainRefusal, to head: RequestHead?, over channel: any Channel) -> ByteBuffer {
        let id = (head?.requestID ?? RequestIdentity()).description
        logger.info(
            "Request refused.",
            metadata: .of([
                .requestID: .string(id),
                .refusal: .string(refusal.logged),
                .reason: .string(refusal.message),
                .status: .stringConvertible(Int(refusal.status.code)),
                .address: .string(ClientAddress(IPAddress(channel.remoteAddress)).description),
            ])
        )
        counter(refusal.code).increment(by: 1)
        let format = errors.format(at: head?.line.path ?? "/")
        let body = format.body(refusal, id)
        var headers = errors.headers(of: refusal, in: format)
        headers[.contentLength] = String(body.count)
        headers[.connection] = "close"
        SecurityHeaders.complete(&headers, requestID: id)
        var text = "HTTP/1.1 \(refusal.status.code) \(refusal.status.reasonPhrase)\r\n"
        for field in headers { text += "\(field.name.rawName): \(field.value)\r\n" }
        var buffer = ByteBuffer(string: text + "\r\n")
        buffer.writeBytes(body)
        return buffer
    }

    private func counter(_ code: String) -> any CounterHandler {
        refusals.withLock { known in
            if let counter = known[code] { return counter }
            let counter = registry.makeCounter(label: "http_refused", dimensions: [("code", code)])
            known[code] = counter
            return counter
        }
    }
}
