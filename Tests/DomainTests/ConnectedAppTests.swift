import Domain
import Testing

@Suite struct `A connected app` {
    @Test(
        arguments: [
            ([], [], false),
            (["a"], [], false),
            ([], ["a"], false),
            (["a"], ["b"], false),
            (["a"], ["A"], false),
            (["a"], ["a"], true),
            (["a", "b"], ["b", "c"], true),
            (["a", "b"], ["c", "d"], false),
        ] as [([String], [String], Bool)]
    )
    func `shares sign-in with an app of one of its groups`(_ one: [String], _ other: [String], _ shares: Bool)
    {
        let studio = app("studio", groups: one)
        let books = app("books", groups: other)
        #expect(studio.sharesSignIn(with: books) == shares)
        #expect(books.sharesSignIn(with: studio) == shares)
    }

    @Test func `shares sign-in with itself though it is isolated`() {
        #expect(app("studio").sharesSignIn(with: app("studio")))
    }

    @Test(
        arguments: [
            (ConnectedApp.SignupPolicy.open, true), (.autoOnFirstAccess, true), (.inviteOnly, false),
            (.adminApproval, false),
        ]
    )
    func `admits on first access when it is open or says so`(
        _ policy: ConnectedApp.SignupPolicy,
        _ admits: Bool
    ) {
        #expect(policy.admitsOnFirstAccess == admits)
    }

    @Test func `takes any app of the workspace and anyone unless set`() {
        let app = ConnectedApp(id: ConnectedApp.ID("studio"), clientID: "scli_studio", name: "", audience: "")
        #expect(app.exchangePolicy == .workspace)
        #expect(app.signupPolicy == .open)
        #expect(app.lifetimes == ConnectedApp.Lifetimes(access: 3600, refresh: 604_800, idle: 604_800))
        #expect(app.refreshPayload)
    }
}
