package import Domain

/// Signs a workspace's tokens with one key.
///
/// Kid and algorithm of the header come from the key that signs, and are encoded once. Make one per key and keep
/// it; it may be used from any thread.
package struct TokenSigner: Sendable {
    /// The key that signs.
    package let key: SigningKey
    private let accessHeader: [UInt8]
    private let refreshHeader: [UInt8]

    /// Encodes the headers of the key's tokens.
    package init(key: SigningKey) {
        self.key = key
        accessHeader = TokenSigner.header(of: key, type: TokenKind.access.rawValue)
        refreshHeader = TokenSigner.header(of: key, type: TokenKind.refresh.rawValue)
    }

    /// The `kid` of every token signed here.
    package var keyID: String { key.kid }

    /// The access token that says `claims`.
    ///
    /// One signature; what surrounds it takes about 3 µs.
    package func sign(_ claims: AccessClaims) throws(SigningFailure) -> String {
        try compact(accessHeader, claims.payload)
    }

    /// The refresh token that says `claims`.
    ///
    /// One signature; what surrounds it takes about 3 µs.
    package func sign(_ claims: RefreshClaims) throws(SigningFailure) -> String {
        try compact(refreshHeader, claims.payload)
    }

    /// A token with a `typ` and a payload of the caller's, for tokens that are not ours to read.
    func sign(payload: [UInt8], type: String) throws(SigningFailure) -> String {
        try compact(TokenSigner.header(of: key, type: type), payload)
    }

    /// JWS Compact Serialization (RFC 7515 section 7.1).
    private func compact(_ header: [UInt8], _ payload: [UInt8]) throws(SigningFailure) -> String {
        var token: [UInt8] = []
        token.reserveCapacity(header.count + payload.count * 4 / 3 + 700)
        token += header
        Base64URL.append(payload, to: &token)
        let signature = try key.sign(token)
        token.append(UInt8(ascii: "."))
        Base64URL.append(signature, to: &token)
        guard token.count <= CompactJWS.maximumBytes else { throw .tooLarge }
        return String(decoding: token, as: UTF8.self)
    }

    /// The encoded header and the dot after it.
    private static func header(of key: SigningKey, type: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("alg")
        writer.string(key.algorithm.rawValue)
        writer.name("kid")
        writer.string(key.kid)
        writer.name("typ")
        writer.string(type)
        writer.endObject()
        var header: [UInt8] = []
        Base64URL.append(writer.bytes, to: &header)
        header.append(UInt8(ascii: "."))
        return header
    }
}
