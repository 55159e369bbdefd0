/// An IPv4 or IPv6 address; an IPv4 address written inside IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
package struct IPAddress: Sendable, Hashable {
    /// The two kinds of address.
    package enum Family: Sendable, Hashable {
        /// 32 bits.
        case v4
        /// 128 bits.
        case v6
    }

    /// The kind of address.
    package let family: Family
    /// The address as a number; IPv4 uses the low 32 bits.
    let bits: UInt128

    /// An IPv4 address from its number in host order.
    package init(v4 bits: UInt32) {
        self.init(family: .v4, bits: UInt128(bits))
    }

    /// An IPv6 address from its number; the mapped range becomes IPv4.
    package init(v6 bits: UInt128) {
        if bits >> 32 == 0xffff {
            self.init(v4: UInt32(truncatingIfNeeded: bits))
        } else {
            self.init(family: .v6, bits: bits)
        }
    }

    private init(family: Family, bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    /// An address from its usual text; no brackets, port, zone, leading zeros or spaces.
    package init?(_ text: String) {
        var text = text
        let parsed: IPAddress? = text.withUTF8 { bytes in
            let bytes = unsafe bytes.span
            return Self.parse(bytes)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func parse(_ bytes: Span<UInt8>) -> IPAddress? {
        guard bytes.count >= 2, bytes.count <= 45 else { return nil }
        for index in bytes.indices where bytes[index] == UInt8(ascii: ":") {
            return parseV6(bytes)
        }
        return parseV4(bytes, from: 0).map { IPAddress(v4: $0) }
    }

    private static func parseV4(_ bytes: Span<UInt8>, from start: Int) -> UInt32? {
        var result: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in start..<bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if digits > 0 && part == 0 { return nil }
                part = part * 10 + UInt32(bytes[index] - UInt8(ascii: "0"))
                digits += 1
                if part > 255 { return nil }
            case UInt8(ascii: "."):
                if digits == 0 || dots == 3 { return nil }
                result = result << 8 | part
                part = 0
                digits = 0
                dots += 1
            default:
                return nil
            }
        }
        return digits > 0 && dots == 3 ? result << 8 | part : nil
    }

    private static func parseV6(_ bytes: Span<UInt8>) -> IPAddress? {
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if bytes[0] == UInt8(ascii: ":") {
            guard bytes[1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            index = 2
        }
        while index < bytes.count {
            let start = index
            var group: UInt32 = 0
            while index < bytes.count, let digit = hexValue(bytes[index]) {
                group = group << 4 | UInt32(digit)
                index += 1
                if index - start > 4 { return nil }
            }
            if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
                guard groups.count <= 6, let v4 = parseV4(bytes, from: start) else { return nil }
                groups += [UInt16(v4 >> 16), UInt16(v4 & 0xffff)]
                index = bytes.count
                break
            }
            guard index > start, groups.count < 8 else { return nil }
            groups.append(UInt16(group))
            if index == bytes.count { break }
            guard bytes[index] == UInt8(ascii: ":") else { return nil }
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            } else if index == bytes.count {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return IPAddress(v6: groups.reduce(0) { $0 << 16 | UInt128($1) })
    }
}

/// The value of a hexadecimal digit in either case.
func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension IPAddress {
    /// The address, or of IPv6 its /64: a subscriber has a whole one to change addresses in.
    package var subscriber: String {
        family == .v4 ? description : "\(IPAddress(v6: (bits >> 64) << 64))/64"
    }
}
