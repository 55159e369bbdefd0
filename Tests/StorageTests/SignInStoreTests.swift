import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `A sign-up` {
    @Test func `makes the user, the membership and the first session`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let app = try await installation.app("studio", in: workspace)
            let store = SignInStore(pool: installation.exchange)
            let newcomer = try newcomer("Ada@Example.com")
            let beginning = beginning(of: app)

            let user = try await store.add(newcomer, membership: .active, beginning: beginning, in: workspace)
            #expect(user?.id == newcomer.id)
            #expect(user?.email == "Ada@Example.com")
            #expect(user?.status == .active)
            #expect(user?.createdAt == now)
            #expect(try await installation.texts("SELECT status FROM memberships") == ["active"])

            let cookie = try #require(
                try await store.session(beginning.sessionID, in: workspace, for: app.id)
            )
            #expect(cookie.user == user)
            #expect(cookie.cookieHash == beginning.cookieHash)
            #expect(cookie.address == "192.0.2.1")
            #expect(cookie.userAgent == "browser")
            #expect(
                cookie.facts
                    == AccessFacts(
                        session: Session(
                            id: beginning.sessionID,
                            userID: newcomer.id,
                            appID: app.id,
                            authenticatedAt: now,
                            methods: ["pwd"],
                            createdAt: now,
                            lastUsedAt: now,
                            expiresAt: after(7200),
                            idleTimeout: 600
                        ),
                        user: .active,
                        membership: .active
                    )
            )
        }
    }

    @Test(arguments: [Membership.Status.pendingApproval, nil])
    func `makes no session in an app the user may not enter`(_ status: Membership.Status?) async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let app = try await installation.app("studio", in: workspace)
            let user = try await SignInStore(pool: installation.exchange).add(
                try newcomer(),
                membership: status,
                beginning: beginning(of: app),
                in: workspace
            )
            #expect(user != nil)
            #expect(
                try await installation.texts("SELECT status FROM memberships")
                    == (status.map { [$0.rawValue] } ?? [])
            )
            #expect(try await installation.number("SELECT count(*) FROM sessions") == 0)
        }
    }

    @Test func `to the workspace alone makes a session of no app`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let beginning = beginning(of: nil)
            let store = SignInStore(pool: installation.exchange)
            _ = try await store.add(try newcomer(), membership: nil, beginning: beginning, in: workspace)
            let session = try await store.session(beginning.sessionID, in: workspace, for: nil)
            #expect(session?.facts.session?.appID == nil)
            #expect(session?.facts.membership == nil)
        }
    }

    @Test func `of a taken address, in any case, makes nothing`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let rival = try await installation.workspace()
            let app = try await installation.app("studio", in: workspace)
            let store = SignInStore(pool: installation.exchange)
            _ = try await installation.user(in: workspace, email: "ada@example.com")
            let refused = try await store.add(
                try newcomer("ADA@example.com"),
                membership: .active,
                beginning: beginning(of: app),
                in: workspace
            )
            #expect(refused == nil)
            #expect(
                try await installation.texts(
                    """
                    SELECT concat_ws(' ', (SELECT count(*) FROM users), (SELECT count(*) FROM memberships),
                        (SELECT count(*) FROM sessions))
                    """
                ) == ["1 0 0"]
            )
            let user = try await store.add(
                try newcomer("ada@example.com"),
                membership: nil,
                beginning: beginning(of: nil),
                in: rival
            )
            #expect(user != nil)
        }
    }
}

@Suite struct `A sign-in` {
    @Test func `finds a user by address in any case, with the password's hash`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let rival = try await installation.workspace()
            let store = SignInStore(pool: installation.exchange)
            let newcomer = try newcomer("Ada@Example.com")
            _ = try await store.add(newcomer, membership: nil, beginning: beginning(of: nil), in: workspace)
            let address = try #require(EmailAddress("aDA@eXAMPLE.com"))
            let found = try #require(try await store.find(address, in: workspace))
            #expect(found.user.id == newcomer.id)
            #expect(found.passwordHash == newcomer.passwordHash)
            #expect(try await store.find(address, in: rival) == nil)
            #expect(try await store.find(try #require(EmailAddress("bob@example.com")), in: workspace) == nil)
        }
    }

    @Test func `begins a session for active users who are members or admitted now`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = SignInStore(pool: installation.exchange)
            let open = try await installation.app("open", in: workspace)
            let closed = try await installation.app("closed", in: workspace, signupPolicy: .adminApproval)
            for userStatus in [User.Status.active, .disabled] {
                for membership in [
                    Membership.Status.active, .pendingApproval, .suspended, .disabled, nil,
                ] {
                    for app in [open, closed, nil] {
                        let memberships = app.flatMap { app in membership.map { [(app, $0)] } } ?? []
                        let user = try await installation.user(
                            in: workspace,
                            status: userStatus,
                            memberOf: memberships
                        )
                        let beginning = beginning(of: app)
                        let begun = try await store.begin(beginning, of: user, in: workspace)
                        let standing = app == nil ? nil : membership
                        let mayEnter = standing == .active || standing == nil && app?.id != closed.id
                        let isAllowed = userStatus == .active && mayEnter
                        #expect(begun.membership == standing)
                        #expect(begun.isRecorded == isAllowed)

                        let session = try await store.session(
                            beginning.sessionID,
                            in: workspace,
                            for: app?.id
                        )
                        #expect((session != nil) == isAllowed)
                        if isAllowed { #expect(session?.facts.membership == (app == nil ? nil : .active)) }
                        let rows = try await installation.number(
                            "SELECT count(*) FROM memberships WHERE user_id = '\(user.text)'"
                        )
                        #expect(rows == (standing != nil || isAllowed && app != nil ? 1 : 0))
                    }
                }
            }
        }
    }

    @Test func `of nobody begins nothing`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let begun = try await SignInStore(pool: installation.exchange).begin(
                beginning(of: nil),
                of: User.ID(UUID.v7(at: now)),
                in: workspace
            )
            #expect(begun.membership == nil)
            #expect(!begun.isRecorded)
        }
    }

    @Test func `by many at once makes one membership and a session for each`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let app = try await installation.app("studio", in: workspace)
            let user = try await installation.user(in: workspace)
            let store = SignInStore(pool: installation.exchange)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<30 {
                    group.addTask {
                        try await store.begin(beginning(of: app), of: user, in: workspace).isRecorded
                    }
                }
                for try await isRecorded in group { #expect(isRecorded) }
            }
            #expect(try await installation.number("SELECT count(*) FROM memberships") == 1)
            #expect(try await installation.number("SELECT count(*) FROM sessions") == 30)
        }
    }
}

@Suite struct `A cookie's session` {
    @Test func `is only one that was begun with a cookie, in its workspace`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let rival = try await installation.workspace()
            let store = SignInStore(pool: installation.exchange)
            let browser = session(of: scene.user, in: scene.source)
            try await installation.add(browser, in: scene.workspace, cookieHash: hash)
            #expect(try await store.session(scene.session.id, in: scene.workspace, for: nil) == nil)
            #expect(try await store.session(browser.id, in: rival, for: nil) == nil)
            #expect(try await store.session(browser.id, in: scene.workspace, for: nil)?.cookieHash == hash)
        }
    }

    @Test func `comes with the standing in the app that asks, and whether it ended above`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, isMember: false)
            let store = SignInStore(pool: installation.exchange)
            let ended = session(of: scene.user, in: scene.source, revokedAt: before(1))
            let below = session(of: scene.user, in: scene.source, ancestors: [ended.id], endedAbove: true)
            try await installation.add(ended, in: scene.workspace)
            try await installation.add(below, in: scene.workspace, cookieHash: hash)
            let own = try await store.session(below.id, in: scene.workspace, for: scene.source.id)
            #expect(own?.facts == AccessFacts(session: below, user: .active, membership: .active))
            let other = try await store.session(below.id, in: scene.workspace, for: scene.target.id)
            #expect(other?.facts == AccessFacts(session: below, user: .active, membership: nil))
        }
    }
}

@Suite struct `Admission to an app` {
    @Test func `makes a member of who has no standing, and changes no other standing`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let app = try await installation.app("studio", in: workspace)
            let store = SignInStore(pool: installation.exchange)
            for status in [Membership.Status.active, .pendingApproval, .suspended, .disabled] {
                let user = try await installation.user(in: workspace, memberOf: [(app, status)])
                #expect(try await store.admit(user, to: app.id, in: workspace) == status)
            }
            let user = try await installation.user(in: workspace)
            #expect(try await store.admit(user, to: app.id, in: workspace) == .active)
            #expect(try await store.admit(user, to: app.id, in: workspace) == .active)
            #expect(
                try await installation.number(
                    "SELECT count(*) FROM memberships WHERE user_id = '\(user.text)' AND status = 'active'"
                ) == 1
            )
        }
    }
}

private let hash = [UInt8](repeating: 7, count: 32)

private func newcomer(_ email: String = "ada@example.com") throws -> SignInStore.Newcomer {
    SignInStore.Newcomer(
        id: User.ID(UUID.v7(at: now)),
        email: try #require(EmailAddress(email)),
        name: "Ada",
        image: nil,
        passwordHash: String(repeating: "0", count: 32) + ":" + String(repeating: "a", count: 128)
    )
}

private func beginning(of app: ConnectedApp?) -> SignInStore.Beginning {
    SignInStore.Beginning(
        sessionID: Session.ID(UUID.v7(at: now)),
        app: app,
        cookieHash: hash,
        methods: ["pwd"],
        address: "192.0.2.1",
        userAgent: "browser",
        lifetime: 7200,
        idleTimeout: 600,
        remembers: true,
        now: now
    )
}
