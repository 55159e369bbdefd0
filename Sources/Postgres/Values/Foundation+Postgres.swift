package import FoundationEssentials

extension UUID: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .uuid }

    package func encode(into parameters: inout ParameterWriter) {
        unsafe withUnsafeBytes(of: uuid) { unsafe parameters.append(bytes: $0) }
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard type == .uuid, bytes.byteCount == 16 else { return nil }
        // Sixteen bytes by the line above, and every one of them may be anything.
        self.init(uuid: unsafe bytes.unsafeLoadUnaligned(as: uuid_t.self))
    }
}

/// `timestamptz`, to the microsecond; `infinity` is the distant future and `-infinity` the distant past.
extension Date: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .timestamptz }

    package func encode(into parameters: inout ParameterWriter) {
        let seconds = timeIntervalSinceReferenceDate + Self.secondsFrom2000
        parameters.append(Int64(exactly: (seconds * 1_000_000).rounded()) ?? (seconds < 0 ? .min : .max))
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard type == .timestamptz || type == .timestamp, let microseconds = bytes.integer(Int64.self) else {
            return nil
        }
        switch microseconds {
        case .max: self = .distantFuture
        case .min: self = .distantPast
        default:
            // Whole seconds apart, so that no precision is lost to a large product.
            let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
            self.init(
                timeIntervalSinceReferenceDate:
                    Double(seconds) - Self.secondsFrom2000 + Double(rest) / 1_000_000
            )
        }
    }

    /// PostgreSQL counts from 2000 and Foundation from 2001; 2000 was a leap year.
    private static let secondsFrom2000 = Double(366 * 86_400)
}
