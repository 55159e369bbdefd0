import Crypto

/// An Ed25519 private key (RFC 8032, RFC 8037).
struct Ed25519PrivateKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    init(pkcs8: [UInt8]) throws(KeyRefusal) {
        guard let seed = pkcs8.afterPrefix(pkcs8Prefix) else { throw .malformed }
        do { key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed) } catch { throw .malformed }
    }

    init() {
        key = Curve25519.Signing.PrivateKey()
    }

    var publicKey: Ed25519PublicKey { Ed25519PublicKey(key: key.publicKey) }
    var pkcs8: [UInt8] { pkcs8Prefix + key.rawRepresentation }

    func sign(_ message: [UInt8]) -> [UInt8]? {
        // As for P-256.
        try? Array(key.signature(for: message))
    }
}

/// An Ed25519 public key.
struct Ed25519PublicKey: Sendable {
    private let key: Curve25519.Signing.PublicKey

    fileprivate init(key: Curve25519.Signing.PublicKey) {
        self.key = key
    }

    init(spki: [UInt8]) throws(KeyRefusal) {
        guard let x = spki.afterPrefix(spkiPrefix) else { throw .malformed }
        try self.init(x: x)
    }

    init(x: [UInt8]) throws(KeyRefusal) {
        do { key = try Curve25519.Signing.PublicKey(rawRepresentation: x) } catch { throw .malformed }
    }

    var spki: [UInt8] { spkiPrefix + x }
    var x: [UInt8] { Array(key.rawRepresentation) }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        key.isValidSignature(signature, for: message)
    }
}

/// All of the PKCS#8 of RFC 8410 section 7 that comes before the 32 bytes of the key.
private let pkcs8Prefix: [UInt8] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]

/// All of the `SubjectPublicKeyInfo` of RFC 8410 section 4 that comes before the 32 bytes of the key.
private let spkiPrefix: [UInt8] = [
    0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
]

extension [UInt8] {
    /// What follows `prefix`, nil if they begin otherwise.
    fileprivate func afterPrefix(_ prefix: [UInt8]) -> [UInt8]? {
        starts(with: prefix) ? Array(dropFirst(prefix.count)) : nil
    }
}
