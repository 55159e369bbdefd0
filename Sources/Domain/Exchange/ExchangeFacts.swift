package import FoundationEssentials

/// Everything an exchange is decided on.
///
/// Gathered by the caller; nothing here is looked up later.
package struct ExchangeFacts: Hashable, Sendable {
    /// What the user token turned out to be.
    package enum Token: Hashable, Sendable {
        /// Missing, malformed, forged, expired, of another kind, a machine's or an impersonator's.
        case invalid
        /// A genuine access token of another workspace here.
        case ofAnotherWorkspace
        /// A genuine access token of this workspace, of this source app (none when the app is gone).
        case genuine(source: ConnectedApp?)
    }

    /// What the body asks for.
    package enum Request: Hashable, Sendable {
        /// Not well formed in this field.
        case malformed(field: String)
        /// A session in the app, when there is one of that id.
        case target(ConnectedApp?)
    }

    /// What the database says of the people and sessions involved, at the instant of the attempt.
    package struct Standing: Hashable, Sendable {
        /// The source session, its user and the membership in the source app.
        package let source: AccessFacts
        /// The user's membership in the target app, if any.
        package let target: Membership.Status?
        /// Exchanges of the workspace in this minute, this one included; zero when they are not counted.
        package let exchangesThisMinute: Int

        package init(source: AccessFacts, target: Membership.Status?, exchangesThisMinute: Int = 0) {
            self.source = source
            self.target = target
            self.exchangesThisMinute = exchangesThisMinute
        }

        /// Nothing is known: no session, no user, no membership.
        package static let unknown = Standing(
            source: AccessFacts(session: nil, user: nil, membership: nil),
            target: nil
        )
    }

    /// The key the caller showed, when it is one of this workspace and its secret is right.
    package var apiKey: APIKey?
    /// Whether the caller's address is in the key's networks; true when it has none.
    package var callerInNetworks: Bool
    /// What the user token turned out to be.
    package var token: Token
    /// What the body asks for.
    package var request: Request
    /// What the database says; unknown when it was not asked.
    package var standing: Standing
    /// The workspace's limits.
    package var limits: WorkspaceLimits
    /// Seconds until the current minute of the rate limit ends.
    package var secondsLeftInMinute: Int
    /// Whether the workspace has a key that signs now, and the view of the configuration is fresh.
    package var isReady: Bool
    /// The instant everything is judged at.
    package var now: Date

    package init(
        apiKey: APIKey?,
        callerInNetworks: Bool,
        token: Token,
        request: Request,
        standing: Standing,
        limits: WorkspaceLimits = WorkspaceLimits(),
        secondsLeftInMinute: Int = 60,
        isReady: Bool,
        now: Date
    ) {
        self.apiKey = apiKey
        self.callerInNetworks = callerInNetworks
        self.token = token
        self.request = request
        self.standing = standing
        self.limits = limits
        self.secondsLeftInMinute = secondsLeftInMinute
        self.isReady = isReady
        self.now = now
    }

    /// The app the token was issued to, when the token is genuine and the app is still there.
    package var source: ConnectedApp? {
        if case .genuine(let source) = token { source } else { nil }
    }

    /// The app that is asked for, when the request is well formed and there is one.
    package var target: ConnectedApp? {
        if case .target(let target) = request { target } else { nil }
    }
}
