/// The caller's trace and our span in it: W3C Trace Context, section 3.2.
package struct TraceContext: Sendable, Hashable {
    /// 32 lower-case hexadecimal digits, not all zero.
    package let traceID: String
    /// The caller's span: 16 lower-case hexadecimal digits, not all zero.
    package let parentID: String
    /// The span of this request, made here: 16 lower-case hexadecimal digits.
    package let spanID: String
    /// The caller's flags; bit 0 says that the trace is sampled.
    package let flags: UInt8

    /// Reads a `traceparent` field; nil when it is malformed, and then it is to be ignored.
    ///
    /// Version `ff` is invalid; a version above `00` may carry more after another hyphen.
    package init?(_ text: String?) {
        guard let text, text.utf8.count >= 55 else { return nil }
        let bytes = Array(text.utf8)
        guard bytes[2] == Self.hyphen, bytes[35] == Self.hyphen, bytes[52] == Self.hyphen,
            let version = Self.number(bytes[0..<2]), version != 0xff, let flags = Self.number(bytes[53..<55]),
            bytes.count == 55 || version > 0 && bytes[55] == Self.hyphen,
            let trace = Self.identifier(bytes[3..<35]), let parent = Self.identifier(bytes[36..<52])
        else { return nil }
        traceID = trace
        parentID = parent
        self.flags = flags
        let span = String(UInt64.random(in: 1...(.max)), radix: 16)
        spanID = String(repeating: "0", count: 16 - span.utf8.count) + span
    }

    /// The `traceparent` field for a call made on behalf of this request.
    package var outgoing: String {
        "00-\(traceID)-\(spanID)-\(flags < 16 ? "0" : "")\(String(flags, radix: 16))"
    }

    private static let hyphen = UInt8(ascii: "-")

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        hexValue(byte) != nil && !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt8? {
        guard digits.allSatisfy(isLowerHex) else { return nil }
        return digits.reduce(0) { $0 << 4 | (hexValue($1) ?? 0) }
    }

    private static func identifier(_ digits: ArraySlice<UInt8>) -> String? {
        guard digits.allSatisfy(isLowerHex), digits.contains(where: { $0 != UInt8(ascii: "0") }) else {
            return nil
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
