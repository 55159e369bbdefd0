/// An email address that a user signs in with.
///
/// Only what every mail system agrees on is taken: printable ASCII, one `@`, a dotted domain. Two addresses are the
/// same person when their ``key`` is the same bytes.
package struct EmailAddress: Hashable, Sendable {
    /// As it was written.
    package let text: String
    /// In lower case: what addresses are compared and stored unique by.
    package let key: String

    /// Reads 3 to 254 bytes; none when the text is not an address.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (3...254).contains(bytes.count) else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].count) else { return nil }
        let labels = parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy(Self.isLabel) else { return nil }
        guard parts[0].allSatisfy(Self.isLocalByte), !Self.hasStrayDot(parts[0]) else { return nil }
        self.text = text
        key = text.asciiLowercased
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard (1...63).contains(label.count), label.first != 0x2d, label.last != 0x2d else { return false }
        return label.allSatisfy { $0.isASCIIAlphanumeric || $0 == 0x2d }
    }

    private static func isLocalByte(_ byte: UInt8) -> Bool {
        byte.isASCIIAlphanumeric || "!#$%&'*+-/=?^_`{|}~.".utf8.contains(byte)
    }

    private static func hasStrayDot(_ local: ArraySlice<UInt8>) -> Bool {
        let dot = UInt8(ascii: ".")
        return local.first == dot || local.last == dot
            || zip(local, local.dropFirst()).contains { $0 == dot && $1 == dot }
    }
}

extension UInt8 {
    fileprivate var isASCIIAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
