import Domain

/// A JWS in its compact form, read strictly but not verified (RFC 7515 section 7.1).
///
/// What the payload means is no matter here.
struct CompactJWS: Sendable {
    /// The longest token that is read at all, in bytes.
    static let maximumBytes = 8192

    let algorithm: SigningAlgorithm
    /// `kid`, if it is text.
    let keyID: String?
    /// `typ`, if it is text.
    let type: String?
    let payload: [UInt8]
    private let signature: [UInt8]
    /// Header and payload as signed, the dot between them.
    private let signed: [UInt8]

    /// Reads three parts of strict base64url, the first of them a strict JSON object.
    ///
    /// A header that names a key, a compression or an extension is refused, and so is an algorithm we do not have.
    init(_ token: [UInt8]) throws(TokenRefusal) {
        guard token.count <= CompactJWS.maximumBytes else { throw .tooLarge }
        // The empty parts count: "a..c" has three.
        let parts = token.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = Base64URL.decode(parts[2]),
            let payload = Base64URL.decode(parts[1]), let bytes = Base64URL.decode(parts[0])
        else { throw .malformed }
        // Why it is not JSON makes no difference to the answer.
        guard let header = (try? StrictJSON.parse(bytes))?.object else { throw .malformed }
        for name in CompactJWS.forbiddenHeaders where header[name] != nil {
            throw .forbiddenHeader(name)
        }
        guard let name = header["alg"]?.string, let algorithm = SigningAlgorithm(name: name) else {
            throw .algorithm
        }
        self.algorithm = algorithm
        keyID = header["kid"]?.string
        type = header["typ"]?.string
        self.payload = payload
        self.signature = signature
        signed = Array(token[..<parts[1].endIndex])
    }

    /// Whether the key, by its own algorithm, made the signature.
    ///
    /// The token's `alg` chooses nothing; it has to agree.
    func verify(with key: VerificationKey) throws(TokenRefusal) {
        guard key.algorithm == algorithm else { throw .algorithm }
        guard key.isValid(signature, for: signed) else { throw .signature }
    }

    /// RFC 7515 sections 4.1.2 to 4.1.8 and 4.1.11, RFC 7797 section 3, RFC 7516 section 4.1.3.
    private static let forbiddenHeaders = [
        "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip",
    ]
}
