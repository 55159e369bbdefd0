import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `An attempted exchange` {
    @Test func `is recorded exactly when the policy allows it, over every combination of standings`()
        async throws
    {
        try await withInstallation { installation in
            let stages = try await Stage.all(on: installation)
            let cases = stages.flatMap { stage in Case.all(on: stage) }
            #expect(cases.count == 1728)
            try await installation.insert(cases.flatMap(\.rows))

            let store = ExchangeStore(pool: installation.exchange)
            let recorded = try await withThrowingTaskGroup(of: [Session.ID].self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        var recorded: [Session.ID] = []
                        for index in stride(from: worker, to: cases.count, by: 4) {
                            let isRecorded = try await cases[index].isRecorded(by: store)
                            recorded += isRecorded ? [cases[index].newSession] : []
                        }
                        return recorded
                    }
                }
                return try await group.reduce(into: Set<Session.ID>()) { $0.formUnion($1) }
            }

            let rows = try await installation.texts(
                "SELECT id::text FROM sessions WHERE api_key_id IS NOT NULL"
            )
            #expect(Set(rows) == Set(recorded.map(\.text)))
            let joined = try await installation.texts(
                "SELECT user_id::text FROM memberships WHERE app_id LIKE 'target%' AND status = 'active'"
            )
            let members = cases.filter { $0.target == .active || recorded.contains($0.newSession) }
            #expect(joined.sorted() == members.map(\.user.text).sorted())
        }
    }

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

/// A workspace with one rate limit, and what its combinations share.
private struct Stage: Sendable {
    let workspace: Workspace.ID
    let limit: Int?
    let isWorthRecording: Bool
    let home: ConnectedApp
    let source: ConnectedApp
    let open: ConnectedApp
    let closed: ConnectedApp
    let stranger: User.ID
    /// Live sessions, each the child of the one before.
    let chain: [Session.ID]
    let revokedRoot: Session.ID

    static func all(on installation: Installation) async throws -> [Stage] {
        let free = try await Stage(on: installation, limit: nil)
        let within = try await Stage(on: installation, limit: 1_000_000)
        let over = try await Stage(on: installation, limit: 1)
        let refused = try await Stage(on: installation, limit: nil, isWorthRecording: false)
        _ = try await RateStore(pool: installation.exchange)
            .count("exchange", in: over.workspace, window: 60, at: now)
        return [free, within, over, refused]
    }

    private init(on installation: Installation, limit: Int?, isWorthRecording: Bool = true) async throws {
        self.limit = limit
        self.isWorthRecording = isWorthRecording
        workspace = try await installation.workspace()
        home = try await installation.app("home", in: workspace)
        source = try await installation.app("source", in: workspace)
        open = try await installation.app("target-open", in: workspace)
        closed = try await installation.app("target-closed", in: workspace, signupPolicy: .inviteOnly)
        stranger = try await installation.user(in: workspace, memberOf: [(home, .active)])
        var ancestors: [Session.ID] = []
        for _ in 0..<8 {
            let link = session(of: stranger, in: home, ancestors: ancestors)
            try await installation.add(link, in: workspace)
            ancestors.append(link.id)
        }
        chain = ancestors
        let revoked = session(of: stranger, in: home, revokedAt: before(5))
        try await installation.add(revoked, in: workspace)
        revokedRoot = revoked.id
    }
}

private enum SourceState: CaseIterable {
    case live
    case seventh
    case eighth
    case revoked
    case endedAbove
    case expired
    case idle
    case missing
    case strangers
}

/// One combination: a user of its own with a session, and the attempt they make.
private struct Case: Sendable {
    let stage: Stage
    let state: SourceState
    let user = User.ID(UUID.v7(at: now))
    let userStatus: User.Status
    let source: Membership.Status?
    let target: Membership.Status?
    let targetApp: ConnectedApp
    let session: Session
    let newSession = Session.ID(UUID.v7(at: now))

    static func all(on stage: Stage) -> [Case] {
        SourceState.allCases.flatMap { state in
            [User.Status.active, .disabled].flatMap { userStatus in
                [Membership.Status.active, .suspended, nil].flatMap { source in
                    [Membership.Status.active, .pendingApproval, .suspended, nil].flatMap { target in
                        [stage.open, stage.closed].map { app in
                            Case(stage, state, userStatus, source, target, app)
                        }
                    }
                }
            }
        }
    }

    private init(
        _ stage: Stage,
        _ state: SourceState,
        _ userStatus: User.Status,
        _ source: Membership.Status?,
        _ target: Membership.Status?,
        _ targetApp: ConnectedApp
    ) {
        self.stage = stage
        self.state = state
        self.userStatus = userStatus
        self.source = source
        self.target = target
        self.targetApp = targetApp
        let owner = state == .strangers ? stage.stranger : user
        let ancestors: [Session.ID] =
            switch state {
            case .seventh: Array(stage.chain.prefix(7))
            case .eighth: stage.chain
            case .endedAbove: [stage.revokedRoot, stage.chain[0]]
            default: []
            }
        session = StorageTests.session(
            of: owner,
            in: stage.home,
            ancestors: ancestors,
            lastUsedAt: state == .idle ? before(3600) : before(60),
            expiresAt: state == .expired ? now : after(86_400),
            revokedAt: state == .revoked ? before(1) : nil,
            endedAbove: state == .endedAbove
        )
    }

    var rows: [BoundStatement<Void>] {
        var rows = [
            Seed.user(user, in: stage.workspace, status: userStatus),
            Seed.membership(of: user, in: stage.home, stage.workspace),
        ]
        if let source { rows.append(Seed.membership(of: user, in: stage.source, stage.workspace, source)) }
        if let target { rows.append(Seed.membership(of: user, in: targetApp, stage.workspace, target)) }
        if state != .missing { rows.append(Seed.session(session, in: stage.workspace)) }
        return rows
    }

    /// Makes the attempt, and compares what was read with what was written, and what was done with the policy.
    func isRecorded(by store: ExchangeStore) async throws -> Bool {
        var facts = ExchangeFacts(
            apiKey: APIKey(id: APIKey.ID(UUID()), secretHash: []),
            callerInNetworks: true,
            token: .genuine(source: stage.source),
            request: .target(targetApp),
            standing: .unknown,
            limits: WorkspaceLimits(exchangesPerMinute: stage.limit),
            isReady: stage.isWorthRecording,
            now: now
        )
        let outcome = try await store.attempt(
            ExchangeStore.Attempt(
                workspaceID: stage.workspace,
                sourceSessionID: session.id,
                userID: user,
                sourceAppID: stage.source.id,
                target: targetApp,
                isWorthRecording: ExchangePolicy.isWorthRecording(facts),
                apiKeyID: APIKey.ID(UUID()),
                newSessionID: newSession,
                address: nil,
                userAgent: nil,
                exchangesPerMinute: stage.limit,
                now: now
            )
        )
        facts.standing = outcome.standing
        let isRecorded = outcome.recordedUntil != nil
        #expect(standing(counted: outcome.standing.exchangesThisMinute) == outcome.standing)
        #expect(isRecorded == (ExchangePolicy.decide(facts).refusal == nil), "\(facts)")
        return isRecorded
    }

    private func standing(counted: Int) -> ExchangeFacts.Standing {
        guard state != .missing, state != .strangers else { return .unknown }
        #expect(stage.limit.map { counted >= min($0 + 1, 1) } ?? (counted == 0))
        return ExchangeFacts.Standing(
            source: AccessFacts(session: session, user: userStatus, membership: source),
            target: target,
            exchangesThisMinute: counted
        )
    }
}
