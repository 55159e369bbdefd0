import Domain

/// Proves at the start of a program that the cryptography works, before anybody depends on it.
///
/// It also lets libcrypto look up its algorithms once, so that no request waits for that.
package enum SelfTest {
    /// Makes an RSA key, reads both halves of it, signs and verifies.
    ///
    /// Takes about a tenth of a second. Throws what failed.
    package static func run() throws {
        let generated = try GeneratedKey.generate(.rs256, bits: 2048)
        let signer = try SigningKey(kid: "self-test-of-the-start", algorithm: .rs256, pkcs8: generated.pkcs8)
        try signer.selfTest()
        let verifier = try VerificationKey(kid: signer.kid, algorithm: .rs256, spki: generated.spki)
        let message = Array("self-test".utf8)
        guard verifier.isValid(try signer.sign(message), for: message) else { throw KeyRefusal.selfTest }
        guard !verifier.isValid(try signer.sign(message), for: message + [0]) else {
            throw KeyRefusal.selfTest
        }
    }
}
