import HTTPTypes

extension HTTPField.Name {
    /// `X-Request-Id`.
    static let requestID = known("X-Request-Id")
    /// `traceparent` (W3C Trace Context).
    static let traceParent = known("traceparent")
    /// `X-Forwarded-For`.
    static let xForwardedFor = known("X-Forwarded-For")
    /// `Referrer-Policy`.
    static let referrerPolicy = known("Referrer-Policy")

    /// A name that is known to be well formed.
    static func known(_ text: String) -> Self {
        guard let name = Self(text) else { preconditionFailure("\(text) is not a field name") }
        return name
    }
}
