package import Domain

/// A fresh key pair that has no name yet.
package struct GeneratedKey: Sendable {
    /// What it is for.
    package let algorithm: SigningAlgorithm
    /// The private key, PKCS#8 in DER, not encrypted: seal it before it goes anywhere.
    package let pkcs8: [UInt8]
    /// The public key, `SubjectPublicKeyInfo` in DER.
    package let spki: [UInt8]

    /// Makes a key pair and proves that it signs and verifies, and that both halves survive being written.
    ///
    /// `bits` is for RSA alone: 2048, 3072 or 4096. RSA takes 50 ms to seconds of CPU on the calling thread.
    package static func generate(
        _ algorithm: SigningAlgorithm,
        bits: Int = 2048
    ) throws(KeyRefusal) -> GeneratedKey {
        let key: PrivateKey =
            switch algorithm {
            case .rs256: .rsa(try RSAPrivateKey(generatingBits: bits))
            case .es256: .p256(P256PrivateKey())
            case .edDSA: .ed25519(Ed25519PrivateKey())
            }
        let pkcs8 = key.pkcs8
        let read = try SigningKey(kid: "self-test", algorithm: algorithm, pkcs8: pkcs8)
        try read.selfTest()
        // The public half as others will read it must verify as well.
        let spki = read.verificationKey.spki
        let message = Array("sign, then verify".utf8)
        guard let signature = key.sign(message),
            try VerificationKey(kid: "self-test", algorithm: algorithm, spki: spki).isValid(
                signature,
                for: message
            )
        else { throw .selfTest }
        return GeneratedKey(algorithm: algorithm, pkcs8: pkcs8, spki: spki)
    }
}
