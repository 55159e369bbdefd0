import Synchronization

/// The id that names one request in the answer, the logs and the audit trail.
package struct RequestIdentity: Sendable, Hashable, CustomStringConvertible {
    /// The id: 1 to 64 of `A-Z a-z 0-9 _ . -`.
    package let description: String

    /// Takes a client's id when it is well formed.
    package init?(_ text: String?) {
        guard let text, (1...64).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else {
            return nil
        }
        description = text
    }

    /// Makes a new id: 32 hexadecimal digits that begin with the time, unique and not meant to be
    /// unguessable.
    package init() {
        let count = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let high = UInt64(Timestamp.now.sinceEpoch) << 16 | 0x7000 | count >> 52
        let low = 0x8000_0000_0000_0000 | (Self.seed &+ count) & 0x3fff_ffff_ffff_ffff
        description = unsafe String(unsafeUninitializedCapacity: 32) { buffer in
            for index in 0..<16 {
                // Both writes stay within the 32 bytes the initialiser gives.
                unsafe buffer[index] = Self.digit(high >> UInt64(60 - 4 * index))
                unsafe buffer[16 + index] = Self.digit(low >> UInt64(60 - 4 * index))
            }
            return 32
        }
    }

    private static let counter = Atomic<UInt64>(0)
    private static let seed = UInt64.random(in: 0...(.max))

    private static func digit(_ value: UInt64) -> UInt8 {
        let nibble = UInt8(truncatingIfNeeded: value & 15)
        return nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
