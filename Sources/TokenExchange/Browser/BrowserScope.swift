import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage
import Tokens

/// A browser's request at a workspace's sign-in routes: the workspace, the app that asks, the cookies.
struct BrowserScope: Sendable {
    /// Who asks, by the request's `Origin`.
    enum Caller: Sendable {
        /// No origin was named: a person at the address bar, or a program.
        case nobody
        /// A registered origin of this app.
        case app(ConnectedApp)
        /// Our own pages.
        case ourselves
        /// An origin that no app registered, or `null`.
        case stranger
    }

    let served: ServiceParts.View.Served
    let caller: Caller
    let cookie: BrowserCookie
    let now: Date

    var workspace: Workspace { served.snapshot.workspace }

    /// The app that asks, when one does.
    var app: ConnectedApp? {
        if case .app(let app) = caller, app.status == .active { app } else { nil }
    }

    init(_ request: Request, _ context: ServiceContext, _ parts: ServiceParts) throws {
        served = try WorkspaceScope.find(request, context, parts, in: try parts.freshView())
        now = parts.now()
        guard let secret = served.entry.browserSecret() else { throw PlainRefusal.temporarilyUnavailable() }
        cookie = BrowserCookie(
            secret: secret,
            isSecure: parts.isSecure,
            path: context.parameters.get("workspace").map { "/w/\($0)" } ?? "/",
            domain: parts.cookieDomains.domain(of: served.snapshot.workspace, host: request.head.authority)
        )
        caller = Self.caller(request.headers[.origin], at: served)
        if served.snapshot.workspace.requireAppIdentity, case .nobody = caller {
            throw BrowserRefusal.missingOrNullOrigin
        }
    }

    /// Refuses a request that changes something on behalf of a page that may not ask for it.
    ///
    /// With a cookie, an origin must be named and be known; without one, an origin that is named must be known.
    func requireTrustedOrigin(_ request: Request) throws(BrowserRefusal) {
        switch caller {
        case .app, .ourselves: return
        case .nobody:
            if request.headers[.cookie] != nil { throw .missingOrNullOrigin }
        case .stranger:
            throw request.headers[.origin] == "null" ? .missingOrNullOrigin : .invalidOrigin
        }
    }

    /// The live session that the cookie opens for whoever asks, if there is one.
    ///
    /// An app sees a session of its own or of an app it shares a group with; a stranger sees none.
    func session(_ request: Request, _ parts: ServiceParts) async throws -> SignInStore.CookieSession? {
        if case .stranger = caller { return nil }
        guard let (token, id) = cookie.read(request.headers[values: .cookie]) else { return nil }
        guard let found = try await parts.signIns.session(id, in: workspace.id, for: app?.id),
            SecretHash(stored: found.cookieHash)?.matches(token) == true,
            let session = found.facts.session, session.isLive(at: now), found.user.status == .active,
            isShared(session)
        else { return nil }
        return found
    }

    private func isShared(_ session: Session) -> Bool {
        guard let app else { return true }
        guard let home = session.appID.flatMap({ served.snapshot.apps[$0] }) else { return false }
        return home.sharesSignIn(with: app)
    }

    private static func caller(_ origin: String?, at served: ServiceParts.View.Served) -> Caller {
        guard let origin else { return .nobody }
        if let app = served.snapshot.app(ofOrigin: origin) { return .app(app) }
        let issuer = served.snapshot.workspace.issuer
        let isOurs =
            issuer.utf8.starts(with: origin.utf8)
            && (issuer.utf8.count == origin.utf8.count
                || issuer.utf8.dropFirst(origin.utf8.count).first == UInt8(ascii: "/"))
        return isOurs && origin.utf8.contains(UInt8(ascii: "/")) ? .ourselves : .stranger
    }
}
