import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage
import Tokens

/// `/api/auth/sign-up/email`, `sign-in/email`, `sign-out`.
struct SignInHandlers: Sendable {
    let parts: ServiceParts

    private var limits: SignInLimits { SignInLimits(rates: parts.rates) }

    /// Makes a user and signs them in to the app that asks.
    func signUp(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try BrowserScope(request, context, parts)
        let body = try await body(request)
        try scope.requireTrustedOrigin(request)
        guard let name = body[text: "name"], name.count <= 200 else {
            throw BrowserRefusal.validation(field: "name")
        }
        let (email, password) = try credentials(body)
        guard password.count >= 8 else { throw BrowserRefusal.passwordTooShort }
        guard password.count <= 128 else { throw BrowserRefusal.passwordTooLong }
        let membership = try firstStanding(in: scope.app)
        try await limits.admit(context.facts.client, at: scope)
        guard let hash = try await parts.passwords.hash(password) else {
            throw BrowserRefusal.passwordTooLong
        }

        let (beginning, token) = begin(request, context, scope, remember: body[flag: "rememberMe"] ?? true)
        let newcomer = SignInStore.Newcomer(
            id: User.ID(.v7(at: scope.now)),
            email: email,
            name: name,
            image: body[text: "image"],
            passwordHash: hash.stored
        )
        let added = try await parts.signIns.add(
            newcomer,
            membership: membership,
            beginning: beginning,
            in: scope.workspace.id
        )
        guard let user = added else { throw BrowserRefusal.userAlreadyExists }
        let isSignedIn = membership == nil || membership == .active
        return answer(user, isSignedIn ? (beginning, token) : nil, scope, redirects: false)
    }

    /// Signs a user in to the app that asks.
    func signIn(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try BrowserScope(request, context, parts)
        let body = try await body(request)
        try scope.requireTrustedOrigin(request)
        let (email, password) = try credentials(body)
        try await limits.admit(context.facts.client, at: scope)
        try await limits.admit(email, at: scope)

        let found = try await parts.signIns.find(email, in: scope.workspace.id)
        guard try await parts.passwords.matches(password, stored: found?.passwordHash), let user = found?.user
        else {
            try await limits.countFailure(email, at: scope)
            throw BrowserRefusal.invalidEmailOrPassword
        }
        guard user.status == .active else { throw BrowserRefusal.userDisabled }
        let (beginning, token) = begin(request, context, scope, remember: body[flag: "rememberMe"] ?? true)
        let begun = try await parts.signIns.begin(beginning, of: user.id, in: scope.workspace.id)
        guard begun.isRecorded else { throw Self.refusal(begun.membership) }
        return answer(user, (beginning, token), scope, redirects: true)
    }

    /// Ends the cookie's session, whoever asks; the cookie goes in any case.
    func signOut(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try BrowserScope(request, context, parts)
        try scope.requireTrustedOrigin(request)
        if let session = try await scope.session(request, parts)?.facts.session {
            _ = try await parts.sessions.end(
                session.id,
                of: session.userID,
                in: scope.workspace.id,
                reason: "signed_out",
                at: scope.now
            )
        }
        return .json(headers: [.setCookie: scope.cookie.clear]) { json in
            json.beginObject()
            json.member("success", true)
            json.endObject()
        }
    }

    /// Why a standing in an app does not let a user in.
    static func refusal(_ standing: Membership.Status?) -> BrowserRefusal {
        switch standing {
        case .suspended: .userSuspended
        case .disabled, .active: .userDisabled
        case .pendingApproval: .userPendingApproval
        case nil: .signUpClosed
        }
    }

    private func body(_ request: Request) async throws -> RequestBody {
        do {
            return try await RequestBody(request)
        } catch RequestBody.Malformed.syntax {
            throw BrowserRefusal.badRequest
        } catch RequestBody.Malformed.contentType {
            throw BrowserRefusal.unsupportedMediaType
        }
    }

    private func credentials(_ body: RequestBody) throws -> (EmailAddress, password: String) {
        guard let text = body[text: "email"] else { throw BrowserRefusal.validation(field: "email") }
        guard let password = body[text: "password"] else {
            throw BrowserRefusal.validation(field: "password")
        }
        guard let email = EmailAddress(text) else { throw BrowserRefusal.invalidEmail }
        guard password.utf8.count <= 4096 else { throw BrowserRefusal.passwordTooLong }
        return (email, password)
    }

    /// The standing of a newcomer in the app they sign up at.
    private func firstStanding(in app: ConnectedApp?) throws -> Membership.Status? {
        switch app?.signupPolicy {
        case nil: nil
        case .open, .autoOnFirstAccess: .active
        case .adminApproval: .pendingApproval
        case .inviteOnly: throw BrowserRefusal.signUpClosed
        }
    }

    private func begin(
        _ request: Request,
        _ context: ServiceContext,
        _ scope: BrowserScope,
        remember: Bool
    ) -> (SignInStore.Beginning, token: String) {
        let id = Session.ID(.v7(at: scope.now))
        let token = BrowserCookie.token(for: id)
        let lifetimes = scope.app?.lifetimes ?? ConnectedApp.Lifetimes()
        let beginning = SignInStore.Beginning(
            sessionID: id,
            app: scope.app,
            cookieHash: SecretHash(of: token).bytes,
            methods: ["pwd"],
            address: context.facts.client.ip?.description,
            userAgent: request.userAgent,
            lifetime: remember ? lifetimes.refresh : min(lifetimes.refresh, 86_400),
            idleTimeout: lifetimes.idle,
            remembers: remember,
            now: scope.now
        )
        return (beginning, token)
    }

    private func answer(
        _ user: User,
        _ begun: (SignInStore.Beginning, token: String)?,
        _ scope: BrowserScope,
        redirects: Bool
    ) -> Response {
        var headers: HTTPFields = [:]
        if let (beginning, token) = begun {
            headers[.setCookie] = scope.cookie.set(
                token,
                maxAge: beginning.remembers ? beginning.lifetime : nil
            )
        }
        return .json(headers: headers) { json in
            json.beginObject()
            if redirects { json.member("redirect", false) }
            // A handle to end the session by; the secret is in the cookie alone.
            json.member("token", orNull: begun?.0.sessionID.text)
            json.name("user")
            json.browserUser(user)
            json.endObject()
        }
    }
}
