/// The signature algorithms a workspace may choose for its tokens.
///
/// The raw value is the `alg` name of RFC 7518 section 3.1 and RFC 8037 section 3.1, and is what is stored.
package enum SigningAlgorithm: String, CaseIterable, Hashable, Sendable {
    /// RSASSA-PKCS1-v1_5 with SHA-256, the default.
    case rs256 = "RS256"
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// Ed25519.
    case edDSA = "EdDSA"
}
