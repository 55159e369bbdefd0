import HTTPTypes

/// How the body of an error answer is written.
package struct ErrorFormat: Sendable {
    /// The body's content type.
    package let contentType: String
    /// The body of a refusal that answers the request with the given id.
    package let body: @Sendable (_ refusal: any HTTPRefusal, _ requestID: String) -> [UInt8]

    /// A format of one's own.
    package init(
        contentType: String,
        body: @escaping @Sendable (_ refusal: any HTTPRefusal, _ requestID: String) -> [UInt8]
    ) {
        self.contentType = contentType
        self.body = body
    }

    /// `{"error","error_code","message","request_id"}`, and `details` when there are any.
    package static let standard = ErrorFormat(contentType: "application/json") { refusal, requestID in
        object(
            [
                ("error", refusal.code), ("error_code", refusal.code), ("message", refusal.message),
                ("request_id", requestID),
            ],
            details: refusal.details
        )
    }

    /// `{"message","code"}`, as the `/api/auth` family of routes answers.
    package static let messageAndCode = ErrorFormat(contentType: "application/json") { refusal, _ in
        object([("message", refusal.message), ("code", refusal.code.uppercased())], details: [:])
    }

    /// `{"error","error_description"}`: RFC 6749 section 5.2.
    package static let oauth = ErrorFormat(contentType: "application/json") { refusal, _ in
        object([("error", refusal.code), ("error_description", refusal.message)], details: [:])
    }

    /// `application/problem+json` with `code` and `requestId`: RFC 9457 section 3.
    package static let problem = ErrorFormat(contentType: "application/problem+json") { refusal, requestID in
        object(
            [
                ("type", "about:blank"), ("title", refusal.status.reasonPhrase), ("detail", refusal.message),
                ("code", refusal.code), ("requestId", requestID),
            ],
            number: ("status", refusal.status.code),
            details: refusal.details
        )
    }

    private static func object(
        _ fields: [(String, String)],
        number: (String, Int)? = nil,
        details: [String: String]
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        append(fields, to: &bytes)
        if let number {
            bytes.append(contentsOf: ",\"\(number.0)\":\(number.1)".utf8)
        }
        if !details.isEmpty {
            bytes.append(contentsOf: ",\"details\":".utf8)
            append(details.sorted { $0.key < $1.key }, to: &bytes)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Appends `{"name":"value"` for each field, without the closing brace.
    private static func append(_ fields: some Sequence<(key: String, value: String)>, to bytes: inout [UInt8])
    {
        var separator = UInt8(ascii: "{")
        for (name, value) in fields {
            bytes.append(separator)
            JSONText.append(name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &bytes)
            separator = UInt8(ascii: ",")
        }
    }
}
