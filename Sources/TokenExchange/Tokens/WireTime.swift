import FoundationEssentials

/// Instants as the wire writes them.
enum WireTime {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// ISO 8601 with milliseconds and a numeric offset: `2025-07-11T15:46:43.000+00:00`.
    static func text(of seconds: Int64) -> String {
        String(javaScript(Date(timeIntervalSince1970: TimeInterval(seconds))).dropLast()) + "+00:00"
    }

    /// ISO 8601 with milliseconds in UTC, as `Date.toISOString()` writes it: `2025-07-11T15:46:43.000Z`.
    static func javaScript(_ date: Date) -> String {
        style.format(date)
    }
}
