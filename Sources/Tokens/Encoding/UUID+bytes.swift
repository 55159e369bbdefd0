import FoundationEssentials

extension UUID {
    /// The sixteen bytes in order.
    var octets: InlineArray<16, UInt8> {
        let u = uuid
        return [
            u.0, u.1, u.2, u.3, u.4, u.5, u.6, u.7, u.8, u.9, u.10, u.11, u.12, u.13, u.14, u.15,
        ]
    }

    /// The id in its canonical lower-case form (RFC 9562 section 4); any other spelling is nil.
    init?(canonical text: String) {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        var digits = 0
        let utf8 = text.utf8.span
        guard utf8.count == 36 else { return nil }
        for index in utf8.indices {
            switch index {
            case 8, 13, 18, 23:
                guard utf8[index] == UInt8(ascii: "-") else { return nil }
            default:
                guard let digit = hexadecimalDigit(utf8[index]), lowercaseDigit(digit) == utf8[index] else {
                    return nil
                }
                octets[digits / 2] = octets[digits / 2] << 4 | digit
                digits += 1
            }
        }
        self.init(
            uuid: (
                octets[0], octets[1], octets[2], octets[3], octets[4], octets[5], octets[6], octets[7],
                octets[8], octets[9], octets[10], octets[11], octets[12], octets[13], octets[14], octets[15]
            )
        )
    }
}

extension [UInt8] {
    /// Appends the id in its canonical lower-case form.
    mutating func append(canonical id: UUID) {
        let octets = id.octets
        for index in octets.indices {
            if index == 4 || index == 6 || index == 8 || index == 10 { append(UInt8(ascii: "-")) }
            append(lowercaseDigit(octets[index] >> 4))
            append(lowercaseDigit(octets[index]))
        }
    }
}
