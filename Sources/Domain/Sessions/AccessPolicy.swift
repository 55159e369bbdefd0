package import FoundationEssentials

/// What is known when somebody shows an access token to use a session.
package struct AccessFacts: Hashable, Sendable {
    /// The session the token names, when it is there and is the token's user's.
    package let session: Session?
    /// The standing of the user, when there is one.
    package let user: User.Status?
    /// The standing of the user in the token's app, when they are a member.
    package let membership: Membership.Status?

    package init(session: Session?, user: User.Status?, membership: Membership.Status?) {
        self.session = session
        self.user = user
        self.membership = membership
    }
}

/// Whether a genuine access token still opens its session.
package enum AccessPolicy {
    /// The session, when it is live, its user active and still an active member; nothing otherwise.
    package static func admit(_ facts: AccessFacts, at now: Date) -> Session? {
        guard let session = facts.session, session.isLive(at: now) else { return nil }
        guard facts.user == .active, facts.membership == .active else { return nil }
        return session
    }
}
