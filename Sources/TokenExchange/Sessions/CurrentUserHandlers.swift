import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `…/current_user` and `…/tokens/…/verify`: what a token still opens, and ending it.
struct CurrentUserHandlers: Sendable {
    let parts: ServiceParts

    /// Answers the user behind an access token.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let admitted = try await admit(request, scope)
        return .json { json in
            json.beginObject()
            json.name("user")
            json.user(admitted.user, in: scope.app)
            json.endObject()
        }
    }

    /// Ends the session behind an access token, and all exchanged from it.
    func end(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let session = try await admit(request, scope).session
        let ended = try await parts.sessions.end(
            session.id,
            of: session.userID,
            in: scope.workspace.id,
            reason: "signed_out",
            at: scope.now
        )
        guard ended > 0 else { throw SessionRefusal.invalidAccessToken }
        return .ok
    }

    /// Says whether an access token is good now.
    func verifyAccess(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let session = try await admit(request, scope).session
        return valid(session)
    }

    /// Says whether a refresh token is good now; it is not used up.
    func verifyRefresh(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let claims = try scope.refreshClaims(request, parts)
        let (facts, _) = try await parts.sessions.access(
            SessionStore.Key(
                workspaceID: scope.workspace.id,
                sessionID: Session.ID(claims.sessionID),
                userID: User.ID(claims.subject),
                appID: scope.app.id
            )
        )
        guard let session = AccessPolicy.admit(facts, at: scope.now), session.appID == scope.app.id,
            RefreshPolicy.accepts(session, presented: Int(claims.generation), at: scope.now)
        else {
            throw SessionRefusal.invalidRefreshToken
        }
        return valid(session)
    }

    /// The live session and user behind an access token of the app.
    func admit(_ request: Request, _ scope: AppScope) async throws -> (session: Session, user: User) {
        let claims = try scope.accessClaims(request, parts)
        let (facts, user) = try await parts.sessions.access(
            SessionStore.Key(
                workspaceID: scope.workspace.id,
                sessionID: Session.ID(claims.sessionID),
                userID: User.ID(claims.subject),
                appID: scope.app.id
            )
        )
        guard let session = AccessPolicy.admit(facts, at: scope.now), let user else {
            throw SessionRefusal.invalidAccessToken
        }
        return (session, user)
    }

    private func valid(_ session: Session) -> Response {
        .json { json in
            json.beginObject()
            json.member("valid", true)
            json.member("user_id", session.userID.text)
            json.member("session_id", session.id.text)
            json.endObject()
        }
    }
}

extension JSONWriter {
    /// A user as the app's API shows them.
    fileprivate mutating func user(_ user: User, in app: ConnectedApp) {
        beginObject()
        member("id", user.id.text)
        member("user_id", user.id.text)
        member("app_id", app.id.raw)
        member("status", user.status.rawValue)
        member("email", user.email)
        member("email_verified", user.emailVerified)
        member("name", user.name)
        member("image", orNull: user.image)
        member("created_at", WireTime.javaScript(user.createdAt))
        member("updated_at", WireTime.javaScript(user.updatedAt))
        endObject()
    }
}
