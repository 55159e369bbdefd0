import Domain
import FoundationEssentials
import Testing

@Suite struct `A refresh` {
    @Test func `renews with the generation that was taken`() {
        let session = session(generation: 4)
        let outcome = RefreshPolicy.decide(facts(session, presented: 4, taken: 5), at: now)
        #expect(outcome == .renewed(session, generation: 5))
    }

    @Test func `believes the statement that took the token, whatever the earlier look said`() {
        let session = session(generation: 1, revokedAt: before(1))
        let outcome = RefreshPolicy.decide(facts(session, presented: 1, taken: 2), at: now)
        #expect(outcome == .renewed(session, generation: 2))
    }

    @Test func `is refused without a session`() {
        let facts = RefreshFacts(
            access: AccessFacts(session: nil, user: .active, membership: .active),
            presented: 1,
            taken: nil
        )
        #expect(RefreshPolicy.decide(facts, at: now) == .refused)
    }

    @Test func `does not renew what is not there though something was taken`() {
        let facts = RefreshFacts(
            access: AccessFacts(session: nil, user: nil, membership: nil),
            presented: 1,
            taken: 2
        )
        #expect(RefreshPolicy.decide(facts, at: now) == .refused)
    }

    @Test(
        arguments: [
            session(generation: 9, revokedAt: before(1)), session(generation: 9, endedAbove: true),
            session(generation: 9, expiresAt: now), session(generation: 9, lastUsedAt: before(600)),
        ]
    )
    func `of a session that is over is refused, and is no reuse`(_ session: Session) {
        for presented in 1...9 {
            #expect(RefreshPolicy.decide(facts(session, presented: presented), at: now) == .refused)
        }
    }

    @Test func `of a user or member who is not active is refused, and is no reuse`() {
        for (user, membership) in [
            (User.Status.disabled, Membership.Status.active), (nil, .active), (.active, nil),
            (.active, .suspended), (.active, .disabled), (.active, .pendingApproval),
        ] as [(User.Status?, Membership.Status?)] {
            let facts = RefreshFacts(
                access: AccessFacts(session: session(generation: 9), user: user, membership: membership),
                presented: 1,
                taken: nil
            )
            #expect(RefreshPolicy.decide(facts, at: now) == .refused)
        }
    }

    @Test func `looks again when a token it would take was not taken`() {
        #expect(RefreshPolicy.decide(facts(session(generation: 2), presented: 2), at: now) == .overtaken)
        let rotated = session(generation: 2, rotatedAt: before(29))
        #expect(RefreshPolicy.decide(facts(rotated, presented: 1), at: now) == .overtaken)
    }

    @Test func `with the previous token is reuse once the grace is over`() {
        let session = session(generation: 2, rotatedAt: before(30))
        #expect(RefreshPolicy.decide(facts(session, presented: 1), at: now) == .reused(session))
    }

    @Test func `with a token before the previous one is reuse, at any time`() {
        let session = session(generation: 3, rotatedAt: now)
        #expect(RefreshPolicy.decide(facts(session, presented: 1), at: now) == .reused(session))
    }

    @Test(arguments: [3, 4, 100, Int.max])
    func `with a generation that was never handed out is refused and ends nothing`(_ presented: Int) {
        let session = session(generation: 2, rotatedAt: now)
        #expect(RefreshPolicy.decide(facts(session, presented: presented), at: now) == .refused)
    }

    private func facts(_ session: Session, presented: Int, taken: Int? = nil) -> RefreshFacts {
        RefreshFacts(
            access: AccessFacts(session: session, user: .active, membership: .active),
            presented: presented,
            taken: taken
        )
    }
}

@Suite struct `The grace of a refresh token` {
    @Test func `is 30 seconds`() {
        #expect(RefreshPolicy.grace == 30)
    }

    @Test(
        arguments: [
            (0, true), (1, true), (29.999, true), (30, false), (30.001, false), (3600, false),
            // The clock of the node that rotated it may run ahead.
            (-5, true),
        ] as [(TimeInterval, Bool)]
    )
    func `covers the previous token for less than 30 seconds`(_ age: TimeInterval, _ accepted: Bool) {
        let session = session(generation: 5, rotatedAt: before(age))
        #expect(RefreshPolicy.accepts(session, presented: 4, at: now) == accepted)
    }

    @Test(arguments: [-1, 0, 1, 2, 3, 6, 7])
    func `covers no other token`(_ presented: Int) {
        let session = session(generation: 5, rotatedAt: now)
        #expect(!RefreshPolicy.accepts(session, presented: presented, at: now))
    }

    @Test func `does not bound the current token`() {
        let session = session(generation: 5, rotatedAt: before(100_000))
        #expect(RefreshPolicy.accepts(session, presented: 5, at: now))
    }

    @Test func `covers nothing before the first rotation`() {
        #expect(RefreshPolicy.accepts(session(generation: 1), presented: 1, at: now))
        #expect(!RefreshPolicy.accepts(session(generation: 1), presented: 0, at: now))
    }
}
