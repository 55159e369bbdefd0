import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Tokens

/// The app that a path names, in its workspace.
struct AppScope: Sendable {
    let served: ServiceParts.View.Served
    let app: ConnectedApp
    let now: Date

    var workspace: Workspace { served.snapshot.workspace }

    /// Finds the app of `{app}`: a client id or generated id anywhere, a chosen id where the workspace is known.
    init(
        _ request: Request,
        _ context: ServiceContext,
        _ parts: ServiceParts,
        within patience: Duration = ServiceParts.View.freshness
    ) throws {
        let view = try parts.freshView(within: patience)
        let name = context.parameters.get("app") ?? ""
        let holder: ServiceParts.View.Served?
        if context.parameters.get("workspace") != nil {
            holder = try WorkspaceScope.find(request, context, parts, in: view)
        } else if let global = view.workspace(ofApp: name) {
            holder = global
        } else {
            // Without a workspace of its own or by default, a chosen id names nothing; it is not found below.
            holder = try? WorkspaceScope.find(request, context, parts, in: view)
        }
        guard let served = holder, served.snapshot.workspace.status == .active,
            let app = served.snapshot.app(named: name), app.status == .active
        else {
            throw SessionRefusal.appNotFound
        }
        self.served = served
        self.app = app
        now = parts.now()
    }

    /// The claims of an access token that was issued to this app; anything else is refused alike.
    func accessClaims(_ request: Request, _ parts: ServiceParts) throws -> AccessClaims {
        guard let token = request.userToken(.xAuthorization),
            let keys = served.entry.published(at: now)?.keys,
            // Why it is not ours is never told; the caller gets one answer for all of it.
            let claims = try? parts.verifier.verifyAccess(
                token,
                keys: keys,
                audience: app.audience,
                now: now
            ),
            equalBytes(claims.appID, app.id.raw), !claims.isMachine
        else {
            throw SessionRefusal.invalidAccessToken
        }
        return claims
    }

    /// The claims of a refresh token that was issued to this app; anything else is refused alike.
    ///
    /// A CSRF token is checked when one is sent. With `reissues` a token of a compromised key is taken, too, by its
    /// own proof: whoever has the key can sign one, and cannot write that.
    func refreshClaims(
        _ request: Request,
        _ parts: ServiceParts,
        reissues: Bool = false
    ) throws -> RefreshClaims {
        guard let token = request.userToken(.xRefreshToken), let keys = served.entry.published(at: now)?.keys,
            let claims = verified(token, keys, parts)
                ?? (reissues ? proved(token, parts) : nil),
            equalBytes(claims.appID, app.id.raw)
        else {
            throw SessionRefusal.invalidRefreshToken
        }
        if let sent = request.headers[.xCSRFToken] {
            guard let secret = served.entry.browserSecret() else {
                throw PlainRefusal.temporarilyUnavailable()
            }
            let expected = CSRFToken(workspaceSecret: secret, session: claims.sessionID)
            guard expected.matches(sent) else { throw SessionRefusal.invalidCSRFToken }
        }
        return claims
    }

    private func verified(
        _ token: UnverifiedToken,
        _ keys: VerificationKeySet,
        _ parts: ServiceParts
    ) -> RefreshClaims? {
        // Why it is not ours is never told; the caller gets one answer for all of it.
        try? parts.verifier.verifyRefresh(token, keys: keys, audience: app.audience, now: now)
    }

    private func proved(_ token: UnverifiedToken, _ parts: ServiceParts) -> RefreshClaims? {
        guard let keys = served.entry.compromised(), let secret = served.entry.browserSecret(),
            let claims = verified(token, keys, parts)
        else {
            return nil
        }
        let proof = RefreshProof(
            workspaceSecret: secret,
            session: claims.sessionID,
            generation: claims.generation
        )
        return proof.matches(claims.tokenID) ? claims : nil
    }
}
