import Crypto

/// What is stored of a secret that was random to begin with: its SHA-256.
///
/// For keys, codes and session secrets of 128 bits and more. Passwords need `PasswordHash`.
package struct SecretHash: Sendable {
    /// The 32 bytes.
    package let bytes: [UInt8]

    /// The hash of a secret.
    package init(of secret: [UInt8]) {
        bytes = Array(SHA256.hash(data: secret))
    }

    /// The hash of a secret's UTF-8.
    package init(of secret: String) {
        self.init(of: Array(secret.utf8))
    }

    /// A hash read from where it was stored; nil unless it is 32 bytes.
    package init?(stored bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Whether this is the hash of `secret`, compared in constant time.
    package func matches(_ secret: String) -> Bool {
        constantTimeEquals(bytes, SecretHash(of: secret).bytes)
    }
}
