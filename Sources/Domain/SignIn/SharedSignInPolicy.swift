package import FoundationEssentials

/// What it is decided on whether a session signs its user in to an app silently.
package struct SharedSignInFacts: Hashable, Sendable {
    /// The session, if there is one.
    package let session: Session?
    /// The standing of its user, when there is one.
    package let user: User.Status?
    /// The app the session is of; none when it is of the workspace alone.
    package let home: ConnectedApp?
    /// The app that asks, if there is one of that name.
    package let app: ConnectedApp?
    /// The standing of the user in the app that asks, when they are a member.
    package let membership: Membership.Status?
    /// The instant everything is judged at.
    package let now: Date

    package init(
        session: Session?,
        user: User.Status?,
        home: ConnectedApp?,
        app: ConnectedApp?,
        membership: Membership.Status?,
        now: Date
    ) {
        self.session = session
        self.user = user
        self.home = home
        self.app = app
        self.membership = membership
        self.now = now
    }
}

/// The rules of silent sign-in, in the order they are asked.
package enum SharedSignInRule: String, CaseIterable, Hashable, Sendable {
    case session
    case user
    case app
    case ssoGroup = "sso_group"
    case membership
}

/// Whether a browser's session in one app signs its user in to the next without being asked.
///
/// A pure function of facts. The live path and explanations call it, so they cannot disagree.
package enum SharedSignInPolicy {
    /// The outcome of one rule.
    package struct Step: Hashable, Sendable {
        /// The rule that was asked.
        package let rule: SharedSignInRule
        /// Whether it let the sign-in through.
        package let passed: Bool
    }

    /// The rules that were asked, in order, up to the first that failed.
    package struct Decision: Hashable, Sendable {
        /// The rules that were asked.
        package let trace: [Step]

        /// Whether every rule let it through.
        package var isAllowed: Bool { trace.allSatisfy(\.passed) }
        /// The rule that failed.
        package var failedRule: SharedSignInRule? { isAllowed ? nil : trace.last?.rule }
    }

    /// Asks the rules in order and stops at the first that fails.
    package static func decide(_ facts: SharedSignInFacts) -> Decision {
        var trace: [Step] = []
        for rule in SharedSignInRule.allCases {
            let passed = passes(rule, facts)
            trace.append(Step(rule: rule, passed: passed))
            if !passed { break }
        }
        return Decision(trace: trace)
    }

    private static func passes(_ rule: SharedSignInRule, _ facts: SharedSignInFacts) -> Bool {
        switch rule {
        case .session: return facts.session?.isLive(at: facts.now) ?? false
        case .user: return facts.user == .active
        case .app: return facts.app?.status == .active
        case .ssoGroup:
            guard let home = facts.home, let app = facts.app else { return false }
            return home.sharesSignIn(with: app)
        case .membership:
            guard let standing = facts.membership else {
                return facts.app?.signupPolicy.admitsOnFirstAccess ?? false
            }
            return standing == .active
        }
    }
}
