package import Logging

/// The keys a log line may carry, so that one thing has one name everywhere.
package enum LogKey: String, Sendable, CaseIterable {
    case address
    case app
    case attempt
    case bytes
    case code
    case count
    case duration = "duration_ms"
    case epoch
    case error
    case jti
    case kid
    case method
    case name
    case port
    case reason
    case refusal
    case requestID = "request_id"
    case route
    case session
    case spanID = "span_id"
    case state
    case status
    case traceID = "trace_id"
    case user
    case workspace
}

extension Logger {
    /// A value that every line of this logger carries.
    package subscript(key: LogKey) -> Logger.MetadataValue? {
        get { self[metadataKey: key.rawValue] }
        set { self[metadataKey: key.rawValue] = newValue }
    }
}

extension Logger.Metadata {
    /// The values of one line, by key; a key given twice keeps its last value.
    package static func of(_ pairs: KeyValuePairs<LogKey, Logger.MetadataValue>) -> Logger.Metadata {
        var metadata = Logger.Metadata(minimumCapacity: pairs.count)
        for (key, value) in pairs { metadata[key.rawValue] = value }
        return metadata
    }
}
