/// A block of addresses in CIDR form; a bare address is a block of one.
package struct Network: Sendable, Hashable {
    /// The first address of the block.
    package let address: IPAddress
    /// How many leading bits every address of the block shares.
    package let prefixLength: Int

    /// A block from `192.0.2.0/24`, `2001:db8::/32` or a bare address.
    ///
    /// An address with bits set beyond the prefix is refused, because such a text is usually a mistake.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let width = address.family == .v4 ? 32 : 128
        var length = width
        if parts.count == 2 {
            let digits = parts[1]
            guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits), number <= width,
                String(number) == digits
            else { return nil }
            length = number
        }
        guard address.bits & Self.hostMask(width: width, length: length) == 0 else { return nil }
        self.address = address
        prefixLength = length
    }

    /// Whether an address lies in the block; addresses of the other family never do.
    package func contains(_ other: IPAddress) -> Bool {
        guard other.family == address.family else { return false }
        let width = address.family == .v4 ? 32 : 128
        return (other.bits ^ address.bits) & ~Self.hostMask(width: width, length: prefixLength) == 0
    }

    private static func hostMask(width: Int, length: Int) -> UInt128 {
        (UInt128(1) << UInt128(width - length)) &- 1
    }
}

extension Network: CustomStringConvertible {
    /// The block in CIDR form.
    package var description: String { "\(address)/\(prefixLength)" }
}
