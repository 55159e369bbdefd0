import HTTPTypes
package import Hummingbird

/// The one place where an error becomes an answer.
package struct ErrorAnswers: Sendable {
    /// Whether an error means that something outside is away, so that trying again may help.
    package typealias Unavailability = @Sendable (any Error) -> Bool
    /// The format for a request's path.
    package typealias Formats = @Sendable (_ path: String) -> ErrorFormat

    private let isUnavailability: Unavailability
    private let format: Formats

    /// Answers in the format of the path; errors that `isUnavailability` recognises become 503.
    package init(
        format: @escaping Formats = { _ in .standard },
        isUnavailability: @escaping Unavailability = { _ in false }
    ) {
        self.format = format
        self.isUnavailability = isUnavailability
    }

    /// What an error says to the client; nil for a bug.
    func refusal(for error: any Error) -> (any HTTPRefusal)? {
        switch error {
        case let error as FormattedError: refusal(for: error.error)
        case let refusal as any HTTPRefusal: refusal
        case let error as any HTTPResponseError: Self.refusal(like: error)
        case is CancellationError: PlainRefusal.temporarilyUnavailable()
        case _ where isUnavailability(error): PlainRefusal.temporarilyUnavailable()
        default: nil
        }
    }

    /// The answer to a request at a path; a `FormattedError` brings its own format.
    func response(
        to refusal: any HTTPRefusal,
        from error: (any Error)?,
        path: String,
        requestID: String
    ) -> Response {
        let format = (error as? FormattedError)?.format ?? format(path)
        return Response(
            status: refusal.status,
            headers: headers(of: refusal, in: format),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: format.body(refusal, requestID)))
        )
    }

    /// The header fields of an answer, without its length.
    func headers(of refusal: any HTTPRefusal, in format: ErrorFormat) -> HTTPFields {
        var headers = refusal.headers
        headers[.contentType] = format.contentType
        if let wait = refusal.retryAfter {
            headers[.retryAfter] = String(
                max(1, wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0))
            )
        }
        return headers
    }

    /// The format of a path's errors.
    func format(at path: String) -> ErrorFormat { format(path) }

    /// The framework's own errors: status kept, text replaced by ours.
    private static func refusal(like error: any HTTPResponseError) -> any HTTPRefusal {
        switch error.status {
        case .notFound: PlainRefusal.notFound
        case .contentTooLarge: PlainRefusal.bodyTooLarge
        case .unsupportedMediaType: PlainRefusal.unsupportedMediaType
        case let status where status.kind == .clientError:
            PlainRefusal(status, code: "invalid_request", message: "The request is not one this path takes.")
        case .serviceUnavailable: PlainRefusal.temporarilyUnavailable()
        default: PlainRefusal.internalError
        }
    }
}

/// An error together with the format its route group answers in.
struct FormattedError: Error {
    let error: any Error
    let format: ErrorFormat
}

/// Gives the routes of a group their own error format.
package struct ErrorFormatMiddleware: RouterMiddleware {
    /// The context of the routes.
    package typealias Context = ServiceContext

    private let format: ErrorFormat

    /// Errors thrown within the group are written in this format.
    package init(_ format: ErrorFormat) {
        self.format = format
    }

    /// Marks what the route throws; an inner group's mark stays.
    package func handle(
        _ request: Request,
        context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as FormattedError {
            throw error
        } catch {
            throw FormattedError(error: error, format: format)
        }
    }
}
