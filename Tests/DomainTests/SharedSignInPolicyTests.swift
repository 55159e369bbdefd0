import Domain
import Testing

@Suite struct `Silent sign-in` {
    private static let home = app("home", groups: ["suite"])
    private static let sibling = app("sibling", groups: ["suite"])

    private static func facts(
        session: Session? = session(),
        user: User.Status? = .active,
        home: ConnectedApp? = Self.home,
        app: ConnectedApp? = Self.sibling,
        membership: Membership.Status? = .active
    ) -> SharedSignInFacts {
        SharedSignInFacts(
            session: session,
            user: user,
            home: home,
            app: app,
            membership: membership,
            now: now
        )
    }

    @Test func `is allowed when every rule was asked and none failed`() {
        let decision = SharedSignInPolicy.decide(Self.facts())
        #expect(decision.isAllowed)
        #expect(decision.failedRule == nil)
        #expect(decision.trace.map(\.rule) == SharedSignInRule.allCases)
    }

    private static let refusals: [(String, SharedSignInFacts, SharedSignInRule)] = [
        ("no session", facts(session: nil), .session),
        ("a session that was ended", facts(session: session(revokedAt: before(1))), .session),
        ("nobody", facts(user: nil), .user),
        ("somebody who is disabled", facts(user: .disabled), .user),
        ("no such app", facts(app: nil), .app),
        ("a suspended app", facts(app: app("sibling", status: .suspended, groups: ["suite"])), .app),
        ("an isolated app", facts(app: app("gamma")), .ssoGroup),
        ("another group", facts(app: app("other", groups: ["others"])), .ssoGroup),
        ("a session of the workspace alone", facts(home: nil), .ssoGroup),
        ("a suspended member", facts(membership: .suspended), .membership),
        ("a member who waits", facts(membership: .pendingApproval), .membership),
        (
            "a stranger where people are invited",
            facts(app: app("sibling", signupPolicy: .inviteOnly, groups: ["suite"]), membership: nil),
            .membership
        ),
    ]

    @Test(arguments: refusals)
    func `stops at the first rule that fails`(
        _ what: String,
        _ facts: SharedSignInFacts,
        _ rule: SharedSignInRule
    ) {
        let decision = SharedSignInPolicy.decide(facts)
        #expect(decision.failedRule == rule)
        #expect(!decision.trace.dropLast().contains { !$0.passed })
        #expect(decision.trace.last?.rule == rule)
        #expect(decision.trace.last?.passed == false)
    }

    @Test func `admits whom the app admits by coming, and its own users wherever it is`() {
        #expect(SharedSignInPolicy.decide(Self.facts(membership: nil)).isAllowed)
        let isolated = app("gamma")
        #expect(SharedSignInPolicy.decide(Self.facts(home: isolated, app: isolated)).isAllowed)
    }
}

@Suite struct `The reach of a sign-in` {
    private static let apps = Dictionary(
        uniqueKeysWithValues: [
            app("a", groups: ["suite"]), app("b", groups: ["suite", "other"]), app("c", groups: ["other"]),
            app("d"),
        ].map { ($0.id, $0) }
    )

    private static func reach(_ after: [String]) -> SignInReach {
        SignInReach(
            of: SSOGroup.ID("suite"),
            becoming: Set(after.map { ConnectedApp.ID($0) }),
            among: apps
        )
    }

    private static func ways(_ ways: [SignInReach.Way]) -> [String] {
        ways.map { "\($0.from.raw)>\($0.to.raw)" }
    }

    @Test(
        arguments: [
            (["a", "b"], [], []),
            (["a", "b", "d"], ["a>d", "b>d", "d>a", "d>b"], []),
            // Those two share another group all the same.
            (["a", "b", "c"], ["a>c", "c>a"], []),
            (["a"], [], ["a>b", "b>a"]),
            (["b"], [], ["a>b", "b>a"]),
            ([], [], ["a>b", "b>a"]),
            (["a", "d"], ["a>d", "d>a"], ["a>b", "b>a"]),
            (["a", "b", "nobody"], [], []),
        ] as [([String], [String], [String])]
    )
    func `gains and loses what a change opens and closes`(
        _ after: [String],
        _ gained: [String],
        _ lost: [String]
    ) {
        let reach = Self.reach(after)
        #expect(Self.ways(reach.gained) == gained)
        #expect(Self.ways(reach.lost) == lost)
    }
}
