import Crypto

/// An RSA private key that signs with RSASSA-PKCS1-v1_5 and SHA-256 (RFC 7518 section 3.3).
struct RSAPrivateKey: Sendable {
    private let key: LibCryptoKey
    private let operations: LibCryptoOperations
    private let signatureSize: Int

    init(pkcs8: [UInt8]) throws(KeyRefusal) {
        guard let key = LibCryptoKey(pkcs8: pkcs8) else { throw .malformed }
        try self.init(key)
    }

    init(generatingBits bits: Int) throws(KeyRefusal) {
        guard RSARules.sizes.contains(bits) else { throw .modulusBits(bits) }
        guard let key = LibCryptoKey(generatingRSABits: bits) else { throw .generation }
        try self.init(key)
    }

    private init(_ key: LibCryptoKey) throws(KeyRefusal) {
        try RSARules.check(key)
        self.key = key
        operations = LibCryptoOperations(.signing, with: key)
        signatureSize = key.bits / 8
    }

    /// The other half, without parsing anything.
    var publicKey: RSAPublicKey { RSAPublicKey(checked: key) }
    var pkcs8: [UInt8] { key.pkcs8 }

    /// The signature, nil when libcrypto refuses to make one.
    func sign(_ message: [UInt8]) -> [UInt8]? {
        let digest = Array(SHA256.hash(data: message))
        return operations.withOperation { $0.sign(digest, size: signatureSize) }
    }
}

/// An RSA public key that verifies RSASSA-PKCS1-v1_5 signatures with SHA-256.
struct RSAPublicKey: Sendable {
    /// Big-endian, without leading zeros.
    let modulus: [UInt8]
    /// Big-endian, without leading zeros.
    let exponent: [UInt8]
    private let operations: LibCryptoOperations

    init(spki: [UInt8]) throws(KeyRefusal) {
        guard let key = LibCryptoKey(spki: spki) else { throw .malformed }
        try RSARules.check(key)
        self.init(checked: key)
        guard self.spki == spki else { throw .malformed }
    }

    fileprivate init(checked key: LibCryptoKey) {
        modulus = key.modulus
        exponent = key.exponent
        operations = LibCryptoOperations(.verifying, with: key)
    }

    var spki: [UInt8] { DER.rsaPublicKey(modulus: modulus, exponent: exponent) }

    /// Checks the length (RFC 8017 section 8.2.2 step 1) and compares the encoded messages: both in libcrypto.
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        let digest = Array(SHA256.hash(data: message))
        return operations.withOperation { $0.verify(signature, digest) } ?? false
    }
}

/// Which RSA keys are accepted at all.
private enum RSARules {
    static let sizes: Set<Int> = [2048, 3072, 4096]

    static func check(_ key: LibCryptoKey) throws(KeyRefusal) {
        guard sizes.contains(key.bits) else { throw .modulusBits(key.bits) }
        guard key.exponent == [1, 0, 1] else { throw .exponent }
    }
}
