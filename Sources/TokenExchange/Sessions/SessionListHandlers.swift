import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `…/sessions`: where else the user is signed in to this app, and ending one of those.
struct SessionListHandlers: Sendable {
    let parts: ServiceParts

    /// The user's live sessions in this app, newest first.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let current = try await CurrentUserHandlers(parts: parts).admit(request, scope).session
        let sessions = try await parts.sessions.live(
            of: current.userID,
            in: scope.app.id,
            workspaceID: scope.workspace.id,
            at: scope.now
        )
        return .json { json in
            json.beginArray()
            for listed in sessions { json.session(listed, isCurrent: listed.session.id == current.id) }
            json.endArray()
        }
    }

    /// Ends one of them with all exchanged from it.
    func end(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let current = try await CurrentUserHandlers(parts: parts).admit(request, scope).session
        guard let id = context.parameters.get("session").flatMap({ Session.ID(text: $0) }) else {
            throw SessionRefusal.sessionNotFound
        }
        let key = SessionStore.Key(
            workspaceID: scope.workspace.id,
            sessionID: id,
            userID: current.userID,
            appID: scope.app.id
        )
        guard let session = try await parts.sessions.access(key).facts.session, session.appID == scope.app.id,
            session.isLive(at: scope.now)
        else {
            throw SessionRefusal.sessionNotFound
        }
        let ended = try await parts.sessions.end(
            id,
            of: current.userID,
            in: scope.workspace.id,
            reason: "ended_by_user",
            at: scope.now
        )
        guard ended > 0 else { throw SessionRefusal.sessionNotFound }
        return .ok
    }
}

extension JSONWriter {
    /// A session as its user sees it; nothing in it opens it.
    fileprivate mutating func session(_ listed: ListedSession, isCurrent: Bool) {
        let session = listed.session
        beginObject()
        member("id", session.id.text)
        member("type", "misc")
        member("created_at", WireTime.javaScript(session.createdAt))
        member("updated_at", WireTime.javaScript(session.lastUsedAt))
        member("last_used_at", WireTime.javaScript(session.lastUsedAt))
        member("last_used_at_ip", orNull: listed.address)
        member("expires_at", WireTime.javaScript(session.expiresAt))
        member("user_agent", orNull: listed.userAgent)
        member("display_name", orNull: listed.userAgent)
        member("credential_id", orNull: nil)
        member("parent_id", orNull: session.ancestors.last?.text)
        member("is_current", isCurrent)
        endObject()
    }
}
