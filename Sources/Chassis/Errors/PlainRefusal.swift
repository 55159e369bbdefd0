package import HTTPTypes

/// The refusals that every service has in common.
package struct PlainRefusal: HTTPRefusal, Equatable {
    /// The status of the answer.
    package let status: HTTPResponse.Status
    /// The machine-readable code.
    package let code: String
    /// One sentence for the developer who reads the answer.
    package let message: String
    /// Further facts for the client.
    package let details: [String: String]
    /// When trying again may help.
    package let retryAfter: Duration?
    /// Further header fields.
    package let headers: HTTPFields

    /// Makes a refusal that has no type of its own.
    package init(
        _ status: HTTPResponse.Status,
        code: String,
        message: String,
        details: [String: String] = [:],
        retryAfter: Duration? = nil,
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.retryAfter = retryAfter
        self.headers = headers
    }
}

extension PlainRefusal {
    /// 404: no such route.
    package static let notFound = PlainRefusal(
        .notFound,
        code: "not_found",
        message: "There is nothing at this path."
    )

    /// 405: the path exists, the method does not; `Allow` names the methods that do.
    package static func methodNotAllowed(allow: [HTTPRequest.Method]) -> PlainRefusal {
        PlainRefusal(
            .methodNotAllowed,
            code: "method_not_allowed",
            message: "This path does not take this method.",
            headers: [.allow: allow.map(\.rawValue).joined(separator: ", ")]
        )
    }

    /// 413: the body exceeds the limit.
    package static let bodyTooLarge = PlainRefusal(
        .contentTooLarge,
        code: "body_too_large",
        message: "The request body is larger than this service accepts."
    )

    /// 414: the request line exceeds the limit.
    package static let requestLineTooLong = PlainRefusal(
        .uriTooLong,
        code: "request_line_too_long",
        message: "The request line is longer than this service accepts."
    )

    /// 431: the header block exceeds its limit in bytes or fields.
    package static let headersTooLarge = PlainRefusal(
        .requestHeaderFieldsTooLarge,
        code: "headers_too_large",
        message: "The request's header fields are more than this service accepts."
    )

    /// 408: the request did not arrive in time.
    package static let requestTimeout = PlainRefusal(
        .requestTimeout,
        code: "request_timeout",
        message: "The request did not arrive in time."
    )

    /// 417: an expectation other than `100-continue`.
    package static let expectationFailed = PlainRefusal(
        .expectationFailed,
        code: "expectation_failed",
        message: "This service knows no expectation but 100-continue."
    )

    /// 501: `TRACE`, `CONNECT` or an unknown transfer coding.
    package static let methodNotImplemented = PlainRefusal(
        .notImplemented,
        code: "method_not_implemented",
        message: "This service does not know this method."
    )

    /// 505: an HTTP version other than 1.0 and 1.1.
    package static let versionNotSupported = PlainRefusal(
        .httpVersionNotSupported,
        code: "version_not_supported",
        message: "This service speaks HTTP/1.1."
    )

    /// 415: a body in a format the route does not take.
    package static let unsupportedMediaType = PlainRefusal(
        .unsupportedMediaType,
        code: "unsupported_media_type",
        message: "The request body's content type is not one this path takes."
    )

    /// 400: the request is not well-formed HTTP, or repeats a field that decides who is asking.
    package static func malformed(_ message: String) -> PlainRefusal {
        PlainRefusal(.badRequest, code: "invalid_request", message: message)
    }

    /// 422: a value in the body or the query is missing or malformed; `details` names the field.
    package static func invalidRequest(field: String, _ message: String) -> PlainRefusal {
        PlainRefusal(
            .unprocessableContent,
            code: "invalid_request",
            message: message,
            details: ["field": field]
        )
    }

    /// 503: something this service needs is away for the moment.
    package static func temporarilyUnavailable(retryAfter: Duration = .seconds(1)) -> PlainRefusal {
        PlainRefusal(
            .serviceUnavailable,
            code: "temporarily_unavailable",
            message: "The service cannot answer at the moment; try again.",
            retryAfter: retryAfter
        )
    }

    /// 500: a bug, which the log describes under the request id.
    static let internalError = PlainRefusal(
        .internalServerError,
        code: "internal_error",
        message: "The service failed to answer; the request id identifies the failure."
    )
}
