import Chassis
import Domain
import HTTPTypes
import Hummingbird
import Storage

/// Lets the pages of registered origins read our answers (the Fetch standard's CORS protocol).
///
/// The origin is compared whole with those that apps of the workspace registered, and only such a one is named back.
struct CrossOrigin: RouterMiddleware {
    let parts: ServiceParts

    func handle(
        _ request: Request,
        context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let headers = allowance(request, context)
        do {
            var response = try await next(request, context)
            for field in headers where response.headers[field.name] == nil { response.headers.append(field) }
            return response
        } catch let refusal as any HTTPRefusal {
            throw CrossOriginRefusal(refusal: refusal, allowance: headers)
        }
    }

    /// Answers the question a browser asks before a request that is not simple.
    @Sendable
    static func preflight(_ request: Request, _ context: ServiceContext) -> Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: "GET, POST, DELETE",
                .accessControlAllowHeaders:
                    "authorization, content-type, x-authorization, x-refresh-token, x-csrf-token, x-fingerprint, "
                    + "x-request-id, traceparent",
                .accessControlMaxAge: "600",
            ]
        )
    }

    private func allowance(_ request: Request, _ context: ServiceContext) -> HTTPFields {
        var headers: HTTPFields = [.vary: "Origin"]
        guard let origin = request.headers[.origin] else { return headers }
        let view = parts.feed.current
        let known: Bool
        if let name = context.parameters.get("app"), let holder = view.workspace(ofApp: name) {
            known = holder.snapshot.app(ofOrigin: origin) != nil
        } else {
            // A workspace that cannot be found has no origins; its request is refused further in.
            let served = try? WorkspaceScope.find(request, context, parts, in: view)
            known = served?.snapshot.app(ofOrigin: origin) != nil
        }
        guard known else { return headers }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
        headers[.accessControlExposeHeaders] = "x-request-id, retry-after"
        return headers
    }
}

/// A refusal that the page of a registered origin may read.
private struct CrossOriginRefusal: HTTPRefusal {
    let refusal: any HTTPRefusal
    let allowance: HTTPFields

    var status: HTTPResponse.Status { refusal.status }
    var code: String { refusal.code }
    var message: String { refusal.message }
    var details: [String: String] { refusal.details }
    var retryAfter: Duration? { refusal.retryAfter }
    var logged: String { refusal.logged }
    var headers: HTTPFields {
        var headers = refusal.headers
        for field in allowance { headers.append(field) }
        return headers
    }
}
