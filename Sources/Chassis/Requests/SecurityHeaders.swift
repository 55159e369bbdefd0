import HTTPTypes

/// The header fields that every answer carries.
enum SecurityHeaders {
    /// Sets what a handler did not: no sniffing, no framing, no referrer, no storing.
    static func complete(_ headers: inout HTTPFields, requestID: String) {
        headers[.requestID] = requestID
        headers[.xContentTypeOptions] = "nosniff"
        set(.referrerPolicy, "no-referrer", in: &headers)
        set(.contentSecurityPolicy, "frame-ancestors 'none'", in: &headers)
        set(.cacheControl, "no-store", in: &headers)
    }

    private static func set(_ name: HTTPField.Name, _ value: String, in headers: inout HTTPFields) {
        if !headers.contains(name) { headers[name] = value }
    }
}
