package import FoundationEssentials

/// What a refresh token says.
///
/// Times are whole seconds since 1970. It carries no rights: the session row decides, and `generation` says
/// whether this is the newest refresh token of the session.
package struct RefreshClaims: Sendable {
    /// `iss`: the workspace's issuer, compared by bytes.
    package var issuer: String
    /// `sub` and `uuid`: the user.
    package var subject: UUID
    /// `aud`: the app's audience.
    package var audience: String
    /// `sid`: the session.
    package var sessionID: UUID
    /// `gen`: counts the session's rotations from zero.
    package var generation: Int64
    /// `aid`: the app's id.
    package var appID: String
    /// `wid`: the workspace's id, `ws_…`.
    package var workspaceID: String
    /// `jti` and `uid`: this token.
    package var tokenID: UUID
    /// `iat`.
    package var issuedAt: Int64
    /// `exp`.
    package var expiresAt: Int64

    /// Says what it is told; nothing is checked.
    package init(
        issuer: String,
        subject: UUID,
        audience: String,
        sessionID: UUID,
        generation: Int64,
        appID: String,
        workspaceID: String,
        tokenID: UUID,
        issuedAt: Int64,
        expiresAt: Int64
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.sessionID = sessionID
        self.generation = generation
        self.appID = appID
        self.workspaceID = workspaceID
        self.tokenID = tokenID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}
