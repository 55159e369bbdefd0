package import FoundationEssentials

/// What an access token says.
///
/// Times are whole seconds since 1970. `uuid`, `uid` and `azp` on the wire repeat `subject`, `tokenID` and
/// `authorizedParty`; they have no field of their own, and a token where they differ is refused.
package struct AccessClaims: Sendable {
    /// `iss`: the workspace's issuer, compared by bytes.
    package var issuer: String
    /// `sub` and `uuid`: the user.
    package var subject: UUID
    /// `aud`: the app's audience.
    package var audience: String
    /// `client_id`: the app's client id.
    package var clientID: String
    /// `azp`: the client the token was issued to, the same as `clientID` unless it says otherwise.
    package var authorizedParty: String
    /// `aid`: the app's id.
    package var appID: String
    /// `wid`: the workspace's id, `ws_…`.
    package var workspaceID: String
    /// `sid`: the session.
    package var sessionID: UUID
    /// `jti` and `uid`: this token.
    package var tokenID: UUID
    /// `iat`.
    package var issuedAt: Int64
    /// `exp`.
    package var expiresAt: Int64
    /// `auth_time`: when the user last proved who they are.
    package var authenticatedAt: Int64
    /// `amr`: how they proved it (RFC 8176).
    package var methods: [String]
    /// `scope`: space-separated.
    package var scope: String
    /// `m2m`: the token is a program's, with no user behind it.
    package var isMachine: Bool
    /// `imp` or `act`: somebody acts as the user.
    package var isImpersonated: Bool

    /// Says what it is told; nothing is checked.
    package init(
        issuer: String,
        subject: UUID,
        audience: String,
        clientID: String,
        authorizedParty: String? = nil,
        appID: String,
        workspaceID: String,
        sessionID: UUID,
        tokenID: UUID,
        issuedAt: Int64,
        expiresAt: Int64,
        authenticatedAt: Int64,
        methods: [String],
        scope: String,
        isMachine: Bool = false,
        isImpersonated: Bool = false
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.clientID = clientID
        self.authorizedParty = authorizedParty ?? clientID
        self.appID = appID
        self.workspaceID = workspaceID
        self.sessionID = sessionID
        self.tokenID = tokenID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.authenticatedAt = authenticatedAt
        self.methods = methods
        self.scope = scope
        self.isMachine = isMachine
        self.isImpersonated = isImpersonated
    }
}
