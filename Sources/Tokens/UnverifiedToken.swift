package import Domain

/// A token that was read but not believed.
///
/// It tells whose token it claims to be, so that a caller can choose the workspace to verify it with.
package struct UnverifiedToken: Sendable {
    /// The longest token that is read at all, in bytes.
    package static let maximumBytes = 8192

    /// `kid` as written, if it is text.
    package let keyID: String?
    /// `iss` as written.
    package let issuer: String
    /// `wid` as written, if it is text.
    package let workspaceID: String?
    let algorithm: SigningAlgorithm
    let type: String
    /// Header and payload as signed, the dot between them.
    let signed: [UInt8]
    let signature: [UInt8]
    let payload: JSONObject

    /// Reads JWS Compact Serialization (RFC 7515 section 7.1) with strict base64url and strict JSON.
    ///
    /// A header that names a key, a compression or an extension is refused, as is an algorithm we do not have.
    package init(_ token: [UInt8]) throws(TokenRefusal) {
        guard token.count <= UnverifiedToken.maximumBytes else { throw .tooLarge }
        // The empty parts count: "a..c" has three.
        let parts = token.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = Base64URL.decode(parts[2]) else { throw .malformed }
        let header = try UnverifiedToken.object(parts[0])
        for name in UnverifiedToken.forbiddenHeaders where header[name] != nil {
            throw .forbiddenHeader(name)
        }
        guard let name = header["alg"]?.string, let algorithm = SigningAlgorithm(name: name) else {
            throw .algorithm
        }
        self.algorithm = algorithm
        type = header["typ"]?.string ?? ""
        keyID = header["kid"]?.string
        payload = try UnverifiedToken.object(parts[1])
        issuer = try ClaimsReader(payload).text("iss")
        workspaceID = payload["wid"]?.string
        signed = Array(token[..<parts[1].endIndex])
        self.signature = signature
    }

    /// Reads the token in `text`.
    package init(_ text: String) throws(TokenRefusal) {
        // Before anything is copied.
        guard text.utf8.count <= UnverifiedToken.maximumBytes else { throw .tooLarge }
        try self.init(Array(text.utf8))
    }

    /// RFC 7515 section 4.1.2 to 4.1.8 and 4.1.11, RFC 7797 section 3, RFC 7516 section 4.1.3.
    private static let forbiddenHeaders = [
        "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip",
    ]

    private static func object(_ part: ArraySlice<UInt8>) throws(TokenRefusal) -> JSONObject {
        guard let bytes = Base64URL.decode(part) else { throw .malformed }
        // Why it is not JSON is nobody's business.
        guard let object = (try? StrictJSON.parse(bytes))?.object else { throw .malformed }
        return object
    }
}
