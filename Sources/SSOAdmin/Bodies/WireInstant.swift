import FoundationEssentials

/// Moments as RFC 3339 writes them.
enum WireInstant {
    /// Reads `2030-01-31T12:00:00Z`, with a fraction of a second or an offset from UTC or not; years 1970 to 9999.
    static func read(_ text: String) -> Date? {
        guard text.utf8.count <= 40, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let plain = try? Date(text, strategy: .iso8601)
        let exact = try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        guard let date = plain ?? exact, date.timeIntervalSince1970 >= 0,
            date.timeIntervalSince1970 < 253_402_300_800
        else { return nil }
        return date
    }

    /// Writes `2030-01-31T12:00:00.000Z`.
    static func write(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
