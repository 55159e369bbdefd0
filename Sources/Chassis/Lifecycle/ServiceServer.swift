import Glibc
import HTTPTypes
package import Hummingbird
import HummingbirdCore
import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization

/// The HTTP server of a service: its own routes, with health, metrics, limits, logging and error answers
/// around them.
package struct ServiceServer: Service {
    /// The server as a Hummingbird application, which Hummingbird's testing can drive in memory or live.
    package let application: Application<RouterResponder<ServiceContext>>
    private let host: String
    private let port: Int

    /// Assembles the server; `routes` adds the service's own routes.
    ///
    /// - Parameters:
    ///   - bootstrap: The started program.
    ///   - readiness: What `/readyz` asks, in this order.
    ///   - errors: How errors are answered, and which mean that something is away.
    ///   - limits: What one connection may ask.
    ///   - onListening: Called once with the port, when the server accepts connections.
    ///   - routes: Adds the service's routes to the router.
    package init(
        _ bootstrap: Bootstrap,
        readiness: [ReadinessCheck] = [],
        errors: ErrorAnswers = ErrorAnswers(),
        limits: HTTPLimits? = nil,
        onListening: @escaping @Sendable (Int) -> Void = { _ in },
        routes: (Router<ServiceContext>) -> Void
    ) {
        let settings = bootstrap.settings
        (host, port) = (settings.httpHost, settings.httpPort)
        let limits = limits ?? HTTPLimits(settings)
        let logger = bootstrap.logger
        let edge = HTTPEdge(
            drain: bootstrap.drain,
            errors: errors,
            logger: logger,
            registry: bootstrap.metrics
        )
        let connections = Gauge(label: "http_connections", factory: bootstrap.metrics)
        bootstrap.metrics.beforeExposition { connections.record(edge.openConnections) }

        let table = RouteTableBox()
        let router = Router(context: ServiceContext.self, options: .autoGenerateHeadEndpoints)
        router.add(
            middleware: RequestPipeline(
                logger: logger,
                proxies: settings[.trustedProxies],
                errors: errors,
                metrics: RequestMetrics(bootstrap.metrics),
                allowed: { table.methods(at: $0) }
            )
        )
        HealthRoutes(checks: readiness, drain: bootstrap.drain, metrics: bootstrap.metrics).add(to: router)
        routes(router)
        table.fill(RouteTable(router))

        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        application = Application(
            router: router,
            server: HTTPServerBuilder { GuardedChannel(limits: limits, edge: edge, responder: $0) },
            configuration: ApplicationConfiguration(
                address: .hostname(settings.httpHost, port: settings.httpPort),
                backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    limits.connections + limits.reservedConnections
                )
            ),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? settings.httpPort
                logger.notice(
                    "Listening.",
                    metadata: .of([.address: "\(settings.httpHost)", .port: .stringConvertible(port)])
                )
                onListening(port)
            },
            logger: quiet
        )
    }

    /// Serves until the group it runs in shuts down, then finishes what was accepted.
    ///
    /// Throws ``SettingsError`` when it cannot listen where it was told to.
    package func run() async throws {
        do {
            try await application.run()
        } catch {
            throw SettingsError(cannotListen: error, on: host, port) ?? error
        }
    }
}

extension SettingsError {
    /// What is wrong with the address when nothing can listen on it; nil when that is not the error.
    fileprivate init?(cannotListen error: any Error, on host: String, _ port: Int) {
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        if error is SocketAddressError || error is SocketAddressError.UnknownHost {
            self.init(name: "HTTP_HOST", reason: "has no address to listen on (it is '\(host)')")
            return
        }
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(name: "HTTP_PORT", reason: "is taken: something else listens on \(address)")
        case EACCES:
            self.init(name: "HTTP_PORT", reason: "may not be listened on: \(address) is refused to us")
        case EADDRNOTAVAIL:
            self.init(name: "HTTP_HOST", reason: "is not of this machine: \(address)")
        default: return nil
        }
    }
}

extension HTTPLimits {
    /// The standard limits with what the settings change.
    init(_ settings: Settings) {
        self.init()
        connections = settings[.httpConnections]
        requestsPerConnection = settings[.httpRequestsPerConnection]
    }
}

/// The route table, which exists only after the routes that the pipeline stands in front of.
private final class RouteTableBox: Sendable {
    private let table = Mutex<RouteTable?>(nil)

    func fill(_ new: RouteTable) { table.withLock { $0 = new } }

    func methods(at path: String) -> [HTTPRequest.Method] {
        table.withLock { $0 }?.methods(at: path) ?? []
    }
}
