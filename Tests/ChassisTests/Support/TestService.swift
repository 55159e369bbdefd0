import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization

@testable import Chassis

/// A service of a test: the real server with a few routes, on a free port of the loopback.
struct TestService {
    let bootstrap: Bootstrap
    let server: ServiceServer
    let log: LogFile
    private let ports: AsyncStream<Int>

    init(
        _ environment: [String: String] = [:],
        limits: HTTPLimits = .patient,
        readiness: [ReadinessCheck] = [],
        errors: ErrorAnswers = ErrorAnswers(),
        routes: (Router<ServiceContext>) -> Void = { _ in }
    ) throws {
        let defaults = ["HTTP_PORT": "0", "SHUTDOWN_DRAIN": "0s", "LOG_FORMAT": "json"]
        let settings = try Settings(
            SettingsSchema(program: "tested", httpPort: 1),
            environment: defaults.merging(environment) { $1 }
        )
        log = try LogFile()
        let handler = LineLogHandler(sink: log.sink, format: .json, level: .debug)
        bootstrap = Bootstrap(
            settings: settings,
            logger: Logger(label: "tested") { _ in handler },
            metrics: MetricsRegistry()
        )
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        self.ports = ports
        server = ServiceServer(
            bootstrap,
            readiness: readiness,
            errors: errors,
            limits: limits,
            onListening: { port.yield($0) },
            routes: { router in
                router.get("hello") { _, _ in "hello" }
                router.post("echo") { request, _ in
                    try await Response(status: .ok, body: ResponseBody(byteBuffer: request.collectBody()))
                }
                routes(router)
            }
        )
    }

    /// Runs the server around a body that gets its port, then stops it gracefully.
    func run<Value: Sendable>(_ body: @Sendable (Int) async throws -> Value) async throws -> Value {
        try await runGroup { port, _ in try await body(port) }
    }

    /// Runs the server around a body that may stop it.
    func runGroup<Value: Sendable>(
        _ body: @Sendable (Int, ServiceGroup) async throws -> Value
    ) async throws -> Value {
        let group = ServiceGroup(configuration: bootstrap.configuration([server]))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            let value: Value
            do {
                value = try await body(port, group)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return value
        }
    }
}

extension HTTPLimits {
    /// The standard limits with deadlines that a busy machine does not miss.
    static let patient = {
        var limits = HTTPLimits.standard
        limits.headerDeadline = .seconds(120)
        limits.bodyDeadline = .seconds(240)
        limits.idleTimeout = .seconds(120)
        return limits
    }()
}

/// A log sink whose lines can be read back.
final class LogFile: Sendable {
    let sink: LogSink
    private let path: String
    private let descriptor: Int32

    init() throws {
        path = NSTemporaryDirectory() + "chassis-\(UUID().uuidString).log"
        descriptor = unsafe open(path, O_CREAT | O_RDWR | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileNoSuchFile) }
        sink = LogSink(descriptor: descriptor)
    }

    deinit {
        _ = unsafe unlink(path)
        close(descriptor)
    }

    /// All lines so far.
    var lines: [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// All lines so far as JSON objects.
    var objects: [[String: Any]] {
        lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }
}
