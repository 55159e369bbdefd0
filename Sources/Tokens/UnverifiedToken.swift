package import Domain

/// A token that was read but not believed.
///
/// It tells whose token it claims to be, so that a caller can choose the workspace to verify it with.
package struct UnverifiedToken: Sendable {
    /// `kid` as written, nil if there is none.
    package let keyID: String?
    /// `iss` as written.
    package let issuer: String
    /// `wid` as written, nil if there is none.
    package let workspaceID: String?
    let jws: CompactJWS
    let payload: JSONObject

    /// Reads a token of at most 8,192 bytes: strict base64url, strict JSON, an algorithm we have.
    package init(_ token: [UInt8]) throws(TokenRefusal) {
        jws = try CompactJWS(token)
        // As for the header.
        guard let payload = (try? StrictJSON.parse(jws.payload))?.object else { throw .malformed }
        self.payload = payload
        keyID = jws.keyID
        issuer = try ClaimsReader(payload).text("iss")
        workspaceID = payload["wid"]?.string
    }

    /// Reads the token in `text`.
    package init(_ text: String) throws(TokenRefusal) {
        // Before anything is copied.
        guard text.utf8.count <= CompactJWS.maximumBytes else { throw .tooLarge }
        try self.init(Array(text.utf8))
    }
}
