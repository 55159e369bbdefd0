import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `An attempted exchange` {
    @Test func `makes a child of the source, of the target app, with the source's rights`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, lifetimes: .init(refresh: 7200, idle: 1800))
            let parent = scene.session.id
            let source = session(of: scene.user, in: scene.source, ancestors: [parent])
            try await installation.add(source, in: scene.workspace)

            let attempt = scene.attempt(from: source)
            let outcome = try await ExchangeStore(pool: installation.exchange).attempt(attempt)
            #expect(outcome.recordedUntil == after(7200))

            let child = try await SessionStore(pool: installation.exchange).access(
                scene.key(attempt.newSessionID, in: scene.target)
            ).facts.session
            #expect(
                child
                    == Session(
                        id: attempt.newSessionID,
                        userID: scene.user,
                        appID: scene.target.id,
                        ancestors: [parent, source.id],
                        authenticatedAt: source.authenticatedAt,
                        methods: source.methods,
                        scope: source.scope,
                        createdAt: now,
                        lastUsedAt: now,
                        expiresAt: after(7200),
                        idleTimeout: 1800
                    )
            )
            let others = try await installation.texts(
                """
                SELECT concat_ws(' ', api_key_id, ip, user_agent, cookie_hash IS NULL)
                FROM sessions
                WHERE id = '\(attempt.newSessionID.text)'
                """
            )
            #expect(others == ["\(attempt.apiKeyID.text) 192.0.2.7 curl/8 t"])
        }
    }

    @Test func `ends with the target app's lifetime or with the source, whichever is sooner`() async throws {
        try await withInstallation { installation in
            for (refresh, expected) in [(7200, 7200), (86_400, 86_400), (90_000, 86_400)] {
                let scene = try await Scene(on: installation, lifetimes: .init(refresh: refresh))
                let outcome = try await ExchangeStore(pool: installation.exchange).attempt(
                    scene.attempt(from: scene.session)
                )
                #expect(outcome.recordedUntil == after(TimeInterval(expected)))
            }
        }
    }

    @Test func `makes one membership however many come first at once`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, isMember: false)
            let store = ExchangeStore(pool: installation.exchange)
            let outcomes = try await withThrowingTaskGroup(of: ExchangeStore.Outcome.self) { group in
                for _ in 0..<40 {
                    group.addTask { try await store.attempt(scene.attempt(from: scene.session)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.allSatisfy { $0.recordedUntil != nil })
            #expect(outcomes.contains { $0.standing.target == nil })
            #expect(
                try await installation.number(
                    "SELECT count(*) FROM memberships WHERE app_id = 'target' AND status = 'active'"
                ) == 1
            )
            #expect(
                try await installation.number("SELECT count(*) FROM sessions WHERE app_id = 'target'") == 40
            )
        }
    }

    @Test func `is allowed up to the limit of the minute, counted over all that come at once`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = ExchangeStore(pool: installation.exchange)
            let outcomes = try await withThrowingTaskGroup(of: ExchangeStore.Outcome.self) { group in
                for _ in 0..<30 {
                    group.addTask { try await store.attempt(scene.attempt(from: scene.session, limit: 12)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0.recordedUntil != nil } == 12)
            #expect(outcomes.map(\.standing.exchangesThisMinute).sorted() == Array(1...30))
            let next = try await store.attempt(
                scene.attempt(from: scene.session, limit: 12, at: after(60))
            )
            #expect(next.standing.exchangesThisMinute == 1)
            #expect(next.recordedUntil != nil)
        }
    }

    @Test(arguments: [ConnectedApp.SignupPolicy.open, .inviteOnly])
    func `looks again when the target's membership goes away under it`(
        _ policy: ConnectedApp.SignupPolicy
    ) async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, signupPolicy: policy)
            let store = ExchangeStore(pool: installation.exchange)
            let outcome = try await withThrowingTaskGroup(of: ExchangeStore.Outcome.self) { group in
                try await installation.superuser.transaction { removal in
                    try await removal.execute(script: "DELETE FROM memberships WHERE app_id = 'target'")
                    group.addTask { try await store.attempt(scene.attempt(from: scene.session)) }
                    // The new row's foreign key waits for the removal to end.
                    let isWaiting = try await eventually {
                        try await installation.number(Self.waiting) ?? 0 > 0
                    }
                    #expect(isWaiting)
                }
                return try #require(try await group.next())
            }
            #expect(outcome.standing.target == nil)
            #expect((outcome.recordedUntil != nil) == (policy == .open))
        }
    }

    private static let waiting = """
        SELECT count(*)
        FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        """

    @Test func `without a target records nothing and still tells the standing`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let attempt = ExchangeStore.Attempt(
                workspaceID: scene.workspace,
                sourceSessionID: scene.session.id,
                userID: scene.user,
                sourceAppID: scene.source.id,
                target: nil,
                isWorthRecording: true,
                apiKeyID: APIKey.ID(UUID()),
                newSessionID: Session.ID(UUID.v7(at: now)),
                address: nil,
                userAgent: nil,
                exchangesPerMinute: nil,
                now: now
            )
            let outcome = try await ExchangeStore(pool: installation.exchange).attempt(attempt)
            #expect(outcome.recordedUntil == nil)
            #expect(outcome.standing.source.session == scene.session)
            #expect(outcome.standing.target == nil)
        }
    }

    @Test func `in another workspace finds nothing, though every id is right`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let rival = try await installation.workspace()
            let outcome = try await ExchangeStore(pool: installation.exchange).attempt(
                scene.attempt(from: scene.session, in: rival)
            )
            #expect(outcome.standing == .unknown)
            #expect(outcome.recordedUntil == nil)
        }
    }
}

/// A workspace, a user signed in to one app, and another app to go to.
struct Scene: Sendable {
    let workspace: Workspace.ID
    let source: ConnectedApp
    let target: ConnectedApp
    let user: User.ID
    let session: Session

    init(
        on installation: Installation,
        signupPolicy: ConnectedApp.SignupPolicy = .open,
        lifetimes: ConnectedApp.Lifetimes = ConnectedApp.Lifetimes(),
        isMember: Bool = true
    ) async throws {
        workspace = try await installation.workspace()
        source = try await installation.app("source", in: workspace)
        target = try await installation.app(
            "target",
            in: workspace,
            signupPolicy: signupPolicy,
            lifetimes: lifetimes
        )
        user = try await installation.user(
            in: workspace,
            memberOf: [(source, .active)] + (isMember ? [(target, .active)] : [])
        )
        session = StorageTests.session(of: user, in: source)
        try await installation.add(session, in: workspace)
    }

    func attempt(
        from source: Session,
        limit: Int? = nil,
        at moment: Date = now,
        in workspace: Workspace.ID? = nil
    ) -> ExchangeStore.Attempt {
        ExchangeStore.Attempt(
            workspaceID: workspace ?? self.workspace,
            sourceSessionID: source.id,
            userID: user,
            sourceAppID: self.source.id,
            target: target,
            isWorthRecording: true,
            apiKeyID: APIKey.ID(UUID()),
            newSessionID: Session.ID(UUID.v7(at: moment)),
            address: "192.0.2.7",
            userAgent: "curl/8",
            exchangesPerMinute: limit,
            now: moment
        )
    }

    func key(_ session: Session.ID, in app: ConnectedApp) -> SessionStore.Key {
        SessionStore.Key(workspaceID: workspace, sessionID: session, userID: user, appID: app.id)
    }
}
