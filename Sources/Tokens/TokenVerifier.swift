package import Domain
package import FoundationEssentials

/// Decides whether a token is one of a workspace's, of the kind wanted, and good now.
///
/// The algorithm is the key's, the key is the workspace's; the token only has to agree. At most one signature is
/// verified per token, and none for an unknown kid.
package struct TokenVerifier: Sendable {
    /// How far clocks may be apart, in seconds.
    package let leeway: Int64

    /// Allows clocks to be apart by `leeway` seconds.
    package init(leeway: Int64 = 30) {
        self.leeway = leeway
    }

    /// The claims of an access token; `audience` is checked when given.
    package func verifyAccess(
        _ token: UnverifiedToken,
        keys: VerificationKeySet,
        audience: String? = nil,
        now: Date
    ) throws(TokenRefusal) -> AccessClaims {
        try authenticate(token, as: .access, keys: keys)
        let claims = try AccessClaims(payload: token.payload)
        try check(claims.audience, is: audience)
        try check(token.payload, from: claims.issuedAt, to: claims.expiresAt, now: now)
        return claims
    }

    /// The claims of an access token in its compact form.
    package func verifyAccess(
        _ token: String,
        keys: VerificationKeySet,
        audience: String? = nil,
        now: Date
    ) throws(TokenRefusal) -> AccessClaims {
        try verifyAccess(UnverifiedToken(token), keys: keys, audience: audience, now: now)
    }

    /// The claims of a refresh token; `audience` is checked when given.
    package func verifyRefresh(
        _ token: UnverifiedToken,
        keys: VerificationKeySet,
        audience: String? = nil,
        now: Date
    ) throws(TokenRefusal) -> RefreshClaims {
        try authenticate(token, as: .refresh, keys: keys)
        let claims = try RefreshClaims(payload: token.payload)
        try check(claims.audience, is: audience)
        try check(token.payload, from: claims.issuedAt, to: claims.expiresAt, now: now)
        return claims
    }

    /// The claims of a refresh token in its compact form.
    package func verifyRefresh(
        _ token: String,
        keys: VerificationKeySet,
        audience: String? = nil,
        now: Date
    ) throws(TokenRefusal) -> RefreshClaims {
        try verifyRefresh(UnverifiedToken(token), keys: keys, audience: audience, now: now)
    }

    /// The cheap checks first, the signature last.
    private func authenticate(
        _ token: UnverifiedToken,
        as kind: TokenKind,
        keys: VerificationKeySet
    ) throws(TokenRefusal) {
        let type = token.jws.type ?? ""
        guard equalBytes(type, kind.rawValue) else {
            throw .kind(String(decoding: type.utf8.prefix(32), as: UTF8.self))
        }
        guard equalBytes(token.issuer, keys.issuer) else { throw .issuer }
        guard let workspaceID = token.workspaceID, equalBytes(workspaceID, keys.workspaceID) else {
            throw .workspace
        }
        guard let kid = token.keyID, let key = keys.key(named: kid) else { throw .unknownKey }
        try token.jws.verify(with: key)
    }

    private func check(_ audience: String, is wanted: String?) throws(TokenRefusal) {
        guard let wanted else { return }
        guard equalBytes(audience, wanted) else { throw .audience }
    }

    private func check(
        _ payload: JSONObject,
        from issuedAt: Int64,
        to expiresAt: Int64,
        now: Date
    ) throws(TokenRefusal) {
        guard issuedAt < expiresAt else { throw .claim("exp") }
        let now = now.timeIntervalSince1970
        guard now < Double(expiresAt + leeway) else { throw .expired }
        guard Double(issuedAt - leeway) <= now else { throw .notYetValid }
        if payload["nbf"] != nil {
            guard Double(try ClaimsReader(payload).time("nbf") - leeway) <= now else { throw .notYetValid }
        }
    }
}
