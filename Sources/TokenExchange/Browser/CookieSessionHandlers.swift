import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/auth/get-session`, `token`, `ok`: what the cookie's session gives to the app that asks.
struct CookieSessionHandlers: Sendable {
    let parts: ServiceParts

    /// The session and its user, or `null` as if signed out.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try BrowserScope(request, context, parts)
        guard let found = try await scope.session(request, parts), let session = found.facts.session,
            mayLook(found, scope)
        else {
            return .json { $0.null() }
        }
        try await parts.sessions.touch(session, in: scope.workspace.id, at: scope.now)
        return .json { json in
            json.beginObject()
            json.name("session")
            json.browserSession(found, session)
            json.name("user")
            json.browserUser(found.user)
            json.endObject()
        }
    }

    /// An access token of the app that asks (of the session's own app when nobody is named) for the cookie's session.
    func token(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try BrowserScope(request, context, parts)
        guard let found = try await scope.session(request, parts), let session = found.facts.session else {
            throw BrowserRefusal.unauthorized
        }
        guard let app = scope.app ?? session.appID.flatMap({ scope.served.snapshot.apps[$0] }),
            app.status == .active
        else {
            throw BrowserRefusal.appIdentityRequired
        }
        guard app.id == session.appID || app.exchangePolicy != .none else {
            throw BrowserRefusal.unauthorized
        }
        try await requireMembership(of: found, in: app, scope)
        guard let signer = scope.served.entry.signer(at: scope.now) else {
            throw PlainRefusal.temporarilyUnavailable()
        }
        try await parts.sessions.touch(session, in: scope.workspace.id, at: scope.now)
        let grant = SessionGrant(
            workspace: scope.workspace,
            app: app,
            sessionID: session.id,
            userID: session.userID,
            authenticatedAt: session.authenticatedAt,
            methods: session.methods,
            scope: session.scope,
            expiresAt: session.expiresAt,
            generation: session.generation
        )
        let access = try grant.access(signedBy: signer, at: scope.now).token
        return .json { json in
            json.beginObject()
            json.member("token", access)
            json.endObject()
        }
    }

    /// `{"ok":true}`.
    func ok(_ request: Request, _ context: ServiceContext) -> Response {
        .json { json in
            json.beginObject()
            json.member("ok", true)
            json.endObject()
        }
    }

    /// Whether the app that asks may know of the session: it signs its user in there without being asked.
    private func mayLook(_ found: SignInStore.CookieSession, _ scope: BrowserScope) -> Bool {
        guard let app = scope.app else { return true }
        let facts = SharedSignInFacts(
            session: found.facts.session,
            user: found.user.status,
            home: found.facts.session?.appID.flatMap { scope.served.snapshot.apps[$0] },
            app: app,
            membership: found.facts.membership,
            now: scope.now
        )
        return SharedSignInPolicy.decide(facts).isAllowed
    }

    private func requireMembership(
        of found: SignInStore.CookieSession,
        in app: ConnectedApp,
        _ scope: BrowserScope
    ) async throws {
        // The look at the session asked about the app that was named; for the session's own app ask now.
        var standing =
            scope.app == nil
            ? try await parts.signIns.standing(found.user.id, in: app.id, of: scope.workspace.id)
            : found.facts.membership
        if standing == nil, app.signupPolicy.admitsOnFirstAccess {
            standing = try await parts.signIns.admit(found.user.id, to: app.id, in: scope.workspace.id)
        }
        guard standing == .active else { throw SignInHandlers.refusal(standing) }
    }
}

extension JSONWriter {
    /// A user as better-auth's clients know them.
    mutating func browserUser(_ user: User) {
        beginObject()
        member("id", user.id.text)
        member("name", user.name)
        member("email", user.email.asciiLowercased)
        member("emailVerified", user.emailVerified)
        member("image", orNull: user.image)
        member("createdAt", WireTime.javaScript(user.createdAt))
        member("updatedAt", WireTime.javaScript(user.updatedAt))
        endObject()
    }

    fileprivate mutating func browserSession(_ found: SignInStore.CookieSession, _ session: Session) {
        beginObject()
        member("id", session.id.text)
        // A handle to end the session by; the secret is in the cookie alone.
        member("token", session.id.text)
        member("userId", session.userID.text)
        member("expiresAt", WireTime.javaScript(session.expiresAt))
        member("createdAt", WireTime.javaScript(session.createdAt))
        member("updatedAt", WireTime.javaScript(session.lastUsedAt))
        member("ipAddress", found.address ?? "")
        member("userAgent", found.userAgent ?? "")
        endObject()
    }
}
