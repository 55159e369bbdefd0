import Crypto

/// A P-256 private key that signs with ECDSA and SHA-256 (RFC 7518 section 3.4).
struct P256PrivateKey: Sendable {
    private let key: P256.Signing.PrivateKey

    init(pkcs8: [UInt8]) throws(KeyRefusal) {
        do { key = try P256.Signing.PrivateKey(derRepresentation: pkcs8) } catch { throw .malformed }
    }

    init() {
        key = P256.Signing.PrivateKey()
    }

    var publicKey: P256PublicKey { P256PublicKey(key: key.publicKey) }
    var pkcs8: [UInt8] { Array(key.derRepresentation) }

    /// R and S, 32 bytes each.
    func sign(_ message: [UInt8]) -> [UInt8]? {
        // Fails only when libcrypto's sibling inside swift-crypto cannot allocate; the caller has one answer.
        try? Array(key.signature(for: message).rawRepresentation)
    }
}

/// A P-256 public key.
struct P256PublicKey: Sendable {
    private let key: P256.Signing.PublicKey

    fileprivate init(key: P256.Signing.PublicKey) {
        self.key = key
    }

    /// Takes the uncompressed form of the point only, as RFC 5480 section 2.2 has it.
    init(spki: [UInt8]) throws(KeyRefusal) {
        do { key = try P256.Signing.PublicKey(derRepresentation: spki) } catch { throw .malformed }
        guard Array(key.derRepresentation) == spki else { throw .malformed }
    }

    /// The point's coordinates, 32 bytes each; a point that is not on the curve is refused.
    init(x: [UInt8], y: [UInt8]) throws(KeyRefusal) {
        guard x.count == 32, y.count == 32 else { throw .malformed }
        do { key = try P256.Signing.PublicKey(rawRepresentation: x + y) } catch { throw .malformed }
    }

    var spki: [UInt8] { Array(key.derRepresentation) }
    var x: [UInt8] { Array(key.rawRepresentation.prefix(32)) }
    var y: [UInt8] { Array(key.rawRepresentation.suffix(32)) }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        // Fails only for a signature that is not 64 bytes, which is an invalid one.
        guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else {
            return false
        }
        return key.isValidSignature(signature, for: message)
    }
}
