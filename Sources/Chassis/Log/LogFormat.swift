/// How a log line is written.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `time level message key=value …`, for people.
    case text
    /// One JSON object, for machines.
    case json
}
