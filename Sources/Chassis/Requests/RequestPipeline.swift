import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// What happens around every handler: identify, run, answer errors, complete the headers, record.
///
/// It is one middleware rather than five, because each hop costs as much as the work it does; it must be
/// the router's first, so that it also sees the requests no route matches.
package struct RequestPipeline: RouterMiddleware {
    /// The context of the routes.
    package typealias Context = ServiceContext

    private let logger: Logger
    private let proxies: [Network]
    private let errors: ErrorAnswers
    private let metrics: RequestMetrics
    private let allowed: @Sendable (String) -> [HTTPRequest.Method]

    /// Prepares the pipeline; `allowed` says which methods a path takes when no route matched.
    init(
        logger: Logger,
        proxies: [Network],
        errors: ErrorAnswers,
        metrics: RequestMetrics,
        allowed: @escaping @Sendable (String) -> [HTTPRequest.Method]
    ) {
        self.logger = logger
        self.proxies = proxies
        self.errors = errors
        self.metrics = metrics
        self.allowed = allowed
    }

    /// Answers one request; throws only what says that the connection itself is broken.
    package func handle(
        _ request: Request,
        context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let start = NIODeadline.now()
        var context = context
        context.facts = facts(of: request, peer: context.peer)
        context.logger = logger(for: context.facts)

        var response: Response
        var refused: String?
        do {
            response = try await next(request, context)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            (response, refused) = answer(error, to: request, context)
        }
        SecurityHeaders.complete(&response.headers, requestID: context.facts.id.description)
        record(request, response, refused, context, took: NIODeadline.now() - start)
        return response
    }

    private func facts(of request: Request, peer: IPAddress?) -> RequestFacts {
        let headers = request.headers
        let traces = headers[values: .traceParent]
        return RequestFacts(
            id: RequestIdentity(headers[.requestID]) ?? RequestIdentity(),
            client: ClientAddress(peer: peer, headers: headers, trusting: proxies),
            trace: traces.count == 1 ? TraceContext(traces[0]) : nil
        )
    }

    private func logger(for facts: RequestFacts) -> Logger {
        var logger = logger
        logger[.requestID] = .string(facts.id.description)
        if let trace = facts.trace {
            logger[.traceID] = .string(trace.traceID)
            logger[.spanID] = .string(trace.spanID)
        }
        return logger
    }

    private func answer(
        _ error: any Error,
        to request: Request,
        _ context: ServiceContext
    ) -> (Response, String) {
        let path = request.uri.path
        var refusal = errors.refusal(for: error)
        if context.endpointPath == Self.unmatched, refusal?.status == .notFound {
            let methods = allowed(path)
            if !methods.isEmpty { refusal = PlainRefusal.methodNotAllowed(allow: methods) }
        }
        if refusal == nil {
            context.logger.error("A request failed because of a bug.", metadata: .of([.error: "\(error)"]))
        } else if refusal?.status.kind == .serverError {
            context.logger.warning("A request could not be served.", metadata: .of([.error: "\(error)"]))
        }
        let answered = refusal ?? PlainRefusal.internalError
        let response = errors.response(
            to: answered,
            from: error,
            path: path,
            requestID: context.facts.id.description
        )
        return (response, answered.logged)
    }

    private func record(
        _ request: Request,
        _ response: Response,
        _ refused: String?,
        _ context: ServiceContext,
        took time: TimeAmount
    ) {
        let template = context.endpointPath ?? Self.unmatched
        let route = template == Self.unmatched ? "unmatched" : template
        let status = Int(response.status.code)
        metrics.note(route: route, method: request.method, status: status, nanoseconds: time.nanoseconds)
        // Probes and scrapes come every few seconds for ever; those that go well are of no interest later.
        let level: Logger.Level = HTTPEdge.reserved.contains(route) && status < 400 ? .debug : .info
        guard context.logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = .of([
            .method: .string(request.method.rawValue),
            .route: .string(route),
            .status: .stringConvertible(status),
            .duration: .stringConvertible(Double(time.nanoseconds / 1000) / 1000),
            .address: .string(context.facts.client.description),
        ])
        if let refused { metadata[LogKey.refusal.rawValue] = .string(refused) }
        context.logger.log(level: level, "Request answered.", metadata: metadata)
    }

    /// What the framework calls the route of a request that matched none.
    private static let unmatched = "NotFound"
}
