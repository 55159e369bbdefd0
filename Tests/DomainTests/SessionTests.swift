import Domain
import FoundationEssentials
import Testing

@Suite struct `A session` {
    @Test(
        arguments: [
            ("used a minute ago", session(), true),
            ("revoked", session(revokedAt: before(1)), false),
            ("revoked by a clock that runs ahead", session(revokedAt: after(1)), false),
            ("ended above", session(endedAbove: true), false),
            ("a moment before its end", session(expiresAt: after(0.001)), true),
            ("at its end", session(expiresAt: now), false),
            ("past its end", session(expiresAt: before(1)), false),
            ("a moment before it is idle too long", session(lastUsedAt: before(599.999)), true),
            ("idle exactly as long as it may be", session(lastUsedAt: before(600)), false),
            ("idle too long", session(lastUsedAt: before(601)), false),
        ]
    )
    func `is live until it ends`(_ what: String, _ session: Session, _ isLive: Bool) {
        #expect(session.isLive(at: now) == isLive, "\(what)")
    }

    @Test func `is its own root when it was not exchanged`() {
        #expect(session(id: 7).root == Session.ID(uuid(7)))
    }

    @Test func `has the first of its ancestors as root`() {
        #expect(session(id: 7, depth: 3).root == Session.ID(uuid(200)))
    }
}

@Suite struct `Access by token` {
    @Test func `is given to a live session of an active user and member`() {
        let facts = AccessFacts(session: session(), user: .active, membership: .active)
        #expect(AccessPolicy.admit(facts, at: now) == session())
    }

    @Test(
        arguments: [
            ("no session", AccessFacts(session: nil, user: .active, membership: .active)),
            (
                "a session that is over",
                AccessFacts(session: session(expiresAt: now), user: .active, membership: .active)
            ),
            ("no user", AccessFacts(session: session(), user: nil, membership: .active)),
            ("a disabled user", AccessFacts(session: session(), user: .disabled, membership: .active)),
            ("no membership", AccessFacts(session: session(), user: .active, membership: nil)),
            (
                "a membership that waits for approval",
                AccessFacts(session: session(), user: .active, membership: .pendingApproval)
            ),
            (
                "a suspended membership",
                AccessFacts(session: session(), user: .active, membership: .suspended)
            ),
            (
                "a disabled membership",
                AccessFacts(session: session(), user: .active, membership: .disabled)
            ),
        ]
    )
    func `is refused for anything less`(_ what: String, _ facts: AccessFacts) {
        #expect(AccessPolicy.admit(facts, at: now) == nil, "\(what)")
    }
}
