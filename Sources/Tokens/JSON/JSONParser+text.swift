extension JSONParser {
    /// Consumes a string, the quotes included.
    mutating func string() throws(JSONRefusal) -> String {
        position += 1
        let start = position
        while true {
            switch try peek() {
            case UInt8(ascii: "\""):
                let text = try text(bytes.span.extracting(start..<position))
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw refusal(.unexpectedByte)
            default:
                position += 1
            }
        }
    }

    private func text(_ utf8: Span<UInt8>) throws(JSONRefusal) -> String {
        do { return String(copying: try UTF8Span(validating: utf8)) } catch { throw refusal(.invalidText) }
    }

    private mutating func escapedString(from start: Int) throws(JSONRefusal) -> String {
        var plain = Array(bytes[start..<position])
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                let text = try text(plain.span)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &plain)
            case 0..<0x20:
                throw refusal(.unexpectedByte)
            default:
                plain.append(byte)
                position += 1
            }
        }
    }

    /// Consumes what follows a backslash.
    private mutating func escape(into plain: inout [UInt8]) throws(JSONRefusal) {
        let byte = try peek()
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain.append(byte)
        case UInt8(ascii: "b"): plain.append(0x08)
        case UInt8(ascii: "f"): plain.append(0x0C)
        case UInt8(ascii: "n"): plain.append(0x0A)
        case UInt8(ascii: "r"): plain.append(0x0D)
        case UInt8(ascii: "t"): plain.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            plain.append(contentsOf: try scalar().utf8)
            return
        default: throw refusal(.unexpectedByte)
        }
        position += 1
    }

    /// Consumes the digits of `\u`, and of the second half of a surrogate pair.
    private mutating func scalar() throws(JSONRefusal) -> Unicode.Scalar {
        let first = try fourDigits()
        if UTF16.isLeadSurrogate(first) {
            guard try peek() == UInt8(ascii: "\\") else { throw refusal(.invalidText) }
            position += 1
            guard try peek() == UInt8(ascii: "u") else { throw refusal(.invalidText) }
            position += 1
            let second = try fourDigits()
            guard UTF16.isTrailSurrogate(second) else { throw refusal(.invalidText) }
            return UTF16.decode(UTF16.EncodedScalar([first, second]))
        }
        guard let scalar = Unicode.Scalar(first) else { throw refusal(.invalidText) }
        return scalar
    }

    private mutating func fourDigits() throws(JSONRefusal) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = hexadecimalDigit(try peek()) else { throw refusal(.unexpectedByte) }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }

    /// Consumes a number (RFC 8259 section 6).
    mutating func number() throws(JSONRefusal) -> JSONValue {
        let start = position
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var magnitude: Int64 = 0
        if try peek() == UInt8(ascii: "0") {
            position += 1
        } else {
            magnitude = try digits()
        }
        var isInteger = true
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            _ = try digits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            let sign = try peek()
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            _ = try digits()
        }
        if isInteger {
            guard magnitude <= 1 << 53 else { throw refusal(.numberOutOfRange) }
            return .integer(isNegative ? -magnitude : magnitude)
        }
        guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite
        else {
            throw refusal(.numberOutOfRange)
        }
        return .number(value)
    }

    /// Consumes one digit or more; their value, or a value above 2^53 when they are too many.
    private mutating func digits() throws(JSONRefusal) -> Int64 {
        var value: Int64 = 0
        let start = position
        while position < bytes.count, case UInt8(ascii: "0")...UInt8(ascii: "9") = bytes[position] {
            value = min(value, 1 << 54) * 10 + Int64(bytes[position] - UInt8(ascii: "0"))
            position += 1
        }
        guard position > start else {
            throw refusal(position < bytes.count ? .unexpectedByte : .unexpectedEnd)
        }
        return value
    }
}
