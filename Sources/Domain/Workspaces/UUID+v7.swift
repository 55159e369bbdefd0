package import FoundationEssentials

extension UUID {
    /// A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits.
    ///
    /// Ids made later sort later, so rows land at the end of their index and in their day's partition.
    package static func v7(at moment: Date, entropy: inout some RandomNumberGenerator) -> UUID {
        let milliseconds = UInt64(max(0, moment.timeIntervalSince1970 * 1000))
        let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0x0fff, using: &entropy)
        let low = 0x8000_0000_0000_0000 | UInt64.random(in: 0...0x3fff_ffff_ffff_ffff, using: &entropy)
        func byte(_ word: UInt64, _ position: UInt64) -> UInt8 {
            UInt8(truncatingIfNeeded: word >> (56 - 8 * position))
        }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3), byte(high, 4), byte(high, 5),
                byte(high, 6), byte(high, 7), byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            )
        )
    }

    /// A UUIDv7 from the system's secure random numbers.
    package static func v7(at moment: Date) -> UUID {
        var entropy = SystemRandomNumberGenerator()
        return v7(at: moment, entropy: &entropy)
    }
}

extension Identifier where Raw == UUID {
    /// The lower-case text with hyphens, as tokens and answers carry it.
    package var text: String {
        raw.hexadecimal(hyphenated: true)
    }

    /// The 32 lower-case hexadecimal digits without hyphens.
    package var hex: String {
        raw.hexadecimal(hyphenated: false)
    }

    /// Reads the text with hyphens, in either case.
    package init?(text: String) {
        // The reader of UUID stops at a zero byte and takes whatever follows it.
        guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else { return nil }
        self.init(uuid)
    }

    /// Reads exactly 32 lower-case hexadecimal digits.
    package init?(hex: some StringProtocol) {
        let digits = Array(hex.utf8)
        guard digits.count == 32, digits.allSatisfy(\.isLowercaseHexDigit) else { return nil }
        var text: [UInt8] = []
        for (position, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(position) { text.append(UInt8(ascii: "-")) }
            text.append(digit)
        }
        self.init(text: String(decoding: text, as: UTF8.self))
    }
}

extension UUID {
    /// The digits in lower case, written in one go: several of these are in every answer.
    fileprivate func hexadecimal(hyphenated: Bool) -> String {
        let u = uuid
        let octets: InlineArray<16, UInt8> = [
            u.0, u.1, u.2, u.3, u.4, u.5, u.6, u.7, u.8, u.9, u.10, u.11, u.12, u.13, u.14, u.15,
        ]
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in octets.indices {
            if hyphenated, index == 4 || index == 6 || index == 8 || index == 10 {
                text.append(UInt8(ascii: "-"))
            }
            text.append(Self.digit(octets[index] >> 4))
            text.append(Self.digit(octets[index] & 0x0f))
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }
}

extension UInt8 {
    fileprivate var isLowercaseHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
