/// The little DER (X.690) that turns the numbers of a JWK into a key libcrypto reads.
enum DER {
    /// `SubjectPublicKeyInfo` of an RSA key (RFC 3279 section 2.3.1) from unsigned big-endian numbers.
    static func rsaPublicKey(modulus: [UInt8], exponent: [UInt8]) -> [UInt8] {
        let rsaEncryption: [UInt8] = [
            0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
        ]
        let key = element(0x30, unsigned(modulus) + unsigned(exponent))
        return element(0x30, rsaEncryption + element(0x03, [0] + key))
    }

    /// Whether the bytes are one SEQUENCE, from the first to the last.
    static func isOneSequence(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 4, bytes[0] == 0x30 else { return false }
        switch bytes[1] {
        case 0x81: return bytes.count - 3 == Int(bytes[2])
        case 0x82: return bytes.count - 4 == Int(bytes[2]) << 8 | Int(bytes[3])
        default: return bytes.count - 2 == Int(bytes[1])
        }
    }

    private static func unsigned(_ number: [UInt8]) -> [UInt8] {
        let digits = Array(number.drop { $0 == 0 })
        let needsZero = (digits.first ?? 0x80) >= 0x80
        return element(0x02, needsZero ? [0] + digits : digits)
    }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 0x80 { return [tag, UInt8(count)] + content }
        if count < 0x100 { return [tag, 0x81, UInt8(count)] + content }
        return [tag, 0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)] + content
    }
}
