/// A password's hash in better-auth's format, so that its users can be brought along.
///
/// `<32 hexadecimal digits of salt>:<128 of key>`; scrypt (RFC 7914) with N = 16384, r = 16, p = 1 over the
/// NFKC form of the password, salted with the 32 digits as text. Each use takes about 0.1 s of CPU and 32 MiB:
/// bound how many run at once, and the length of the password.
package struct PasswordHash: Sendable {
    private let salt: [UInt8]
    private let key: [UInt8]

    /// Hashes a password under a fresh salt; nil when there is not the memory.
    package init?(hashing password: String) {
        self.init(hashing: password, salt: lowercaseHexadecimal(SecureRandom.bytes(16)))
    }

    /// Reads a stored hash; nil unless it has exactly the form above, in lower case.
    package init?(stored text: String) {
        let utf8 = Array(text.utf8)
        guard utf8.count == 161, utf8[32] == UInt8(ascii: ":") else { return nil }
        let digits = utf8[33...].map { hexadecimalDigit($0) ?? 0xFF }
        let key = (0..<64).map { digits[$0 * 2] << 4 | digits[$0 * 2 + 1] & 0x0F }
        // Writing it again and comparing refuses capitals and what is not a digit, in both parts.
        let salt = Array(utf8[..<32])
        guard salt.allSatisfy({ byte in hexadecimalDigit(byte).map(lowercaseDigit) == byte }),
            lowercaseHexadecimal(key) == Array(utf8[33...])
        else { return nil }
        self.salt = salt
        self.key = key
    }

    init?(hashing password: String, salt: [UInt8]) {
        guard let key = PasswordHash.derive(password, salt: salt) else { return nil }
        self.salt = salt
        self.key = key
    }

    /// The hash as it is stored.
    package var stored: String {
        String(decoding: salt + [UInt8(ascii: ":")] + lowercaseHexadecimal(key), as: UTF8.self)
    }

    /// Whether the hash is that of `password`, compared in constant time.
    package func matches(_ password: String) -> Bool {
        guard let other = PasswordHash.derive(password, salt: salt) else { return false }
        return constantTimeEquals(key, other)
    }

    /// Takes as long as `matches` and answers false, for an account that does not exist.
    @discardableResult
    package static func matchesNobody(_ password: String) -> Bool {
        let key = derive(password, salt: [UInt8](repeating: UInt8(ascii: "0"), count: 32))
        // No key is 64 bytes of a secret made just now.
        return constantTimeEquals(key ?? [], SecureRandom.bytes(64))
    }

    private static func derive(_ password: String, salt: [UInt8]) -> [UInt8]? {
        guard let password = compatibilityComposed(password) else { return nil }
        return scrypt(password, salt: salt, rounds: 16384, blockSize: 16, count: 64)
    }
}
