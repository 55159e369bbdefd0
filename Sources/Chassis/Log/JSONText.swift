/// Writing texts into JSON, and into anything else that must stay on one line.
enum JSONText {
    /// Appends a JSON string with its quotes.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        escape(text, upTo: .max, quotes: true, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a text with everything escaped that could end a line or a string; cut with `…` after `limit`
    /// bytes.
    ///
    /// Escaped are the C0 and C1 controls, DEL, U+2028, U+2029 and, when `quotes` is set, quotes and
    /// backslashes.
    static func escape(_ text: String, upTo limit: Int, quotes: Bool, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { source in
            let source = unsafe source.span
            if source.count <= limit, isHarmless(source, quotes: quotes) {
                for index in source.indices { bytes.append(source[index]) }
                return
            }
            escapeSlowly(source, upTo: limit, quotes: quotes, to: &bytes)
        }
    }

    private static func isHarmless(_ source: Span<UInt8>, quotes: Bool) -> Bool {
        for index in source.indices {
            let byte = source[index]
            if byte < 0x20 || byte >= 0x7f
                || quotes && (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\"))
            {
                return false
            }
        }
        return true
    }

    private static func escapeSlowly(
        _ source: Span<UInt8>,
        upTo limit: Int,
        quotes: Bool,
        to bytes: inout [UInt8]
    ) {
        var index = 0
        while index < source.count {
            let byte = source[index]
            if index >= limit, byte & 0xc0 != 0x80 {
                bytes.append(contentsOf: "…".utf8)
                return
            }
            if byte < 0x20 || byte == 0x7f {
                appendUnicode(UInt16(byte), to: &bytes)
            } else if quotes, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            } else if byte == 0xc2, index + 1 < source.count, source[index + 1] < 0xa0 {
                appendUnicode(UInt16(source[index + 1]), to: &bytes)
                index += 1
            } else if byte == 0xe2, index + 2 < source.count, source[index + 1] == 0x80,
                source[index + 2] & 0xfe == 0xa8
            {
                appendUnicode(0x2028 + UInt16(source[index + 2] & 1), to: &bytes)
                index += 2
            } else {
                bytes.append(byte)
            }
            index += 1
        }
    }

    private static func appendUnicode(_ value: UInt16, to bytes: inout [UInt8]) {
        switch value {
        case 0x0a: bytes.append(contentsOf: "\\n".utf8)
        case 0x0d: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        default:
            bytes.append(contentsOf: "\\u".utf8)
            for shift in [12, 8, 4, 0] {
                bytes.append(contentsOf: String(value >> UInt16(shift) & 15, radix: 16).utf8)
            }
        }
    }
}
