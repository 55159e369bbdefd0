import Chassis
import Domain
import FoundationEssentials
import Tokens

/// Everything the tokens of one session are made from.
struct SessionGrant: Sendable {
    let workspace: Workspace
    let app: ConnectedApp
    let sessionID: Session.ID
    let userID: User.ID
    let authenticatedAt: Date
    let methods: [String]
    let scope: String
    /// The session's absolute end; no token outlives it.
    let expiresAt: Date
    let generation: Int

    /// A signed access token, with the second it expires.
    func access(signedBy signer: TokenSigner, at now: Date) throws -> (token: String, expiresAt: Int64) {
        let issuedAt = Int64(now.timeIntervalSince1970)
        let end = min(issuedAt + Int64(app.lifetimes.access), Int64(expiresAt.timeIntervalSince1970))
        let claims = AccessClaims(
            issuer: workspace.issuer,
            subject: userID.raw,
            audience: app.audience,
            clientID: app.clientID,
            appID: app.id.raw,
            workspaceID: workspace.id.reference,
            sessionID: sessionID.raw,
            tokenID: .v7(at: now),
            issuedAt: issuedAt,
            expiresAt: end,
            authenticatedAt: Int64(authenticatedAt.timeIntervalSince1970),
            methods: methods,
            scope: scope
        )
        return (try signer.sign(claims), end)
    }

    /// A signed refresh token of the grant's generation, with the second it expires.
    ///
    /// Its id is the proof by which it is known should its key be compromised.
    func refresh(
        signedBy signer: TokenSigner,
        secret: [UInt8],
        at now: Date
    ) throws -> (token: String, expiresAt: Int64) {
        let proof = RefreshProof(
            workspaceSecret: secret,
            session: sessionID.raw,
            generation: Int64(generation)
        )
        let end = Int64(expiresAt.timeIntervalSince1970)
        let claims = RefreshClaims(
            issuer: workspace.issuer,
            subject: userID.raw,
            audience: app.audience,
            sessionID: sessionID.raw,
            generation: Int64(generation),
            appID: app.id.raw,
            workspaceID: workspace.id.reference,
            tokenID: proof.tokenID,
            issuedAt: Int64(now.timeIntervalSince1970),
            expiresAt: end
        )
        return (try signer.sign(claims), end)
    }

    /// The answer that hands the session to its app: tokens, CSRF token, ends.
    func answer(keys: WorkspaceKeys, at now: Date) throws -> SessionAnswer {
        guard let signer = keys.signer(at: now), let secret = keys.browserSecret() else {
            throw PlainRefusal.temporarilyUnavailable()
        }
        return SessionAnswer(
            access: try access(signedBy: signer, at: now),
            refresh: app.refreshPayload ? try refresh(signedBy: signer, secret: secret, at: now) : nil,
            csrf: CSRFToken(workspaceSecret: secret, session: sessionID.raw).masked(),
            userID: userID,
            keyID: signer.keyID
        )
    }
}
