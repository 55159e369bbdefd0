import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `A refresh of a session` {
    @Test func `takes exactly the tokens the policy accepts, over every combination of standings`()
        async throws
    {
        try await withInstallation { installation in
            let stage = try await RefreshStage(on: installation)
            let cases = RefreshCase.all(on: stage)
            try await installation.insert(cases.flatMap(\.rows))
            let store = SessionStore(pool: installation.exchange)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        for index in stride(from: worker, to: cases.count, by: 4) {
                            try await cases[index].check(store)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `moves one generation however many show the token at once`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let key = scene.key(scene.session.id, in: scene.source)
            for round in 1...10 {
                let outcomes = try await withThrowingTaskGroup(of: RefreshPolicy.Outcome.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            let facts = try await store.refresh(key, generation: round, at: now)
                            return RefreshPolicy.decide(facts, at: now)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let generations = outcomes.map { outcome -> Int? in
                    if case .renewed(_, let generation) = outcome { generation } else { nil }
                }
                #expect(generations == Array(repeating: round + 1, count: 50))
            }
            let session = try await store.access(key).facts.session
            #expect(session?.generation == 11)
            #expect(session?.rotatedAt == now)
        }
    }

    @Test func `never sets back when the session was last used`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let key = scene.key(scene.session.id, in: scene.source)
            _ = try await store.refresh(key, generation: 1, at: after(100))
            // Another node's clock runs behind.
            let facts = try await store.refresh(key, generation: 2, at: now)
            #expect(facts.taken == 3)
            #expect(try await store.access(key).facts.session?.lastUsedAt == after(100))
        }
    }

    /// Two parties show tokens they were given, in any order and at any time; the database and the policy together
    /// must do what a plain model of one session does.
    @Test(arguments: 1...6)
    func `does what a model of one session does, whoever shows which token when`(_ seed: UInt64) async throws
    {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            var entropy = Lehmer(seed: 7)
            for _ in 0..<40 {
                let session = session(of: scene.user, in: scene.source)
                try await installation.add(session, in: scene.workspace)
                var model = Model()
                for _ in 0..<12 {
                    model.time += TimeInterval([0, 1, 10, 29, 30, 31].randomElement(using: &entropy) ?? 0)
                    let presented = Int.random(
                        in: max(1, model.generation - 2)...model.generation,
                        using: &entropy
                    )
                    let moment = after(model.time)
                    let facts = try await store.refresh(
                        scene.key(session.id, in: scene.source),
                        generation: presented,
                        at: moment
                    )
                    let outcome = RefreshPolicy.decide(facts, at: moment)
                    switch (outcome, model.present(presented)) {
                    case (.renewed(_, let generation), .pair(let expected)): #expect(generation == expected)
                    case (.reused(let session), .reuse):
                        try await store.endReused(
                            session,
                            presented: presented,
                            in: scene.workspace,
                            requestID: "r",
                            at: moment
                        )
                    case (.refused, .over): break
                    case (_, let expected): Issue.record("\(outcome) where \(expected) was expected")
                    }
                }
            }
        }
    }
}

@Suite struct `The use of a session` {
    @Test func `is noted at most once a minute, forwards, and while it is not revoked`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let rival = try await installation.workspace()
            let store = SessionStore(pool: installation.exchange)
            func lastUse(of session: Session) async throws -> Date? {
                try await store.access(scene.key(session.id, in: scene.source)).facts.session?.lastUsedAt
            }
            let fresh = session(of: scene.user, in: scene.source, lastUsedAt: now)
            let revoked = session(of: scene.user, in: scene.source, lastUsedAt: now, revokedAt: now)
            try await installation.add(fresh, revoked, in: scene.workspace)

            try await store.touch(fresh, in: scene.workspace, at: after(59))
            #expect(try await lastUse(of: fresh) == now)
            try await store.touch(fresh, in: rival, at: after(60))
            #expect(try await lastUse(of: fresh) == now)
            try await store.touch(fresh, in: scene.workspace, at: after(90))
            #expect(try await lastUse(of: fresh) == after(90))
            // Another node looked before that and is later to say so.
            try await store.touch(fresh, in: scene.workspace, at: after(70))
            #expect(try await lastUse(of: fresh) == after(90))
            try await store.touch(revoked, in: scene.workspace, at: after(90))
            #expect(try await lastUse(of: revoked) == now)
        }
    }
}

@Suite struct `The end of a session` {
    @Test func `ends its subtree and nothing beside or above it`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let root = scene.session
            let branch = session(of: scene.user, in: scene.target, ancestors: [root.id])
            let leaf = session(of: scene.user, in: scene.source, ancestors: [root.id, branch.id])
            let sibling = session(of: scene.user, in: scene.target, ancestors: [root.id])
            try await installation.add(branch, leaf, sibling, in: scene.workspace)

            func end() async throws -> Int {
                try await store.end(
                    branch.id,
                    of: scene.user,
                    in: scene.workspace,
                    reason: "signed_out",
                    at: now
                )
            }
            #expect(try await end() == 2)
            #expect(try await end() == 0)
            for (session, app, isOpen) in [
                (root, scene.source, true), (branch, scene.target, false), (leaf, scene.source, false),
                (sibling, scene.target, true),
            ] {
                let facts = try await store.access(scene.key(session.id, in: app)).facts
                #expect((AccessPolicy.admit(facts, at: now) != nil) == isOpen)
                #expect(facts.session?.revokedAt == (isOpen ? nil : now))
            }
            let reasons = try await installation.texts(
                "SELECT DISTINCT revoked_reason FROM sessions WHERE revoked_at IS NOT NULL"
            )
            #expect(reasons == ["signed_out"])
        }
    }

    @Test func `takes the session's own user and workspace`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let other = try await installation.user(in: scene.workspace)
            let rival = try await installation.workspace()
            #expect(
                try await store.end(scene.session.id, of: other, in: scene.workspace, reason: "x", at: now)
                    == 0
            )
            #expect(
                try await store.end(scene.session.id, of: scene.user, in: rival, reason: "x", at: now) == 0
            )
            let facts = try await store.access(scene.key(scene.session.id, in: scene.source)).facts
            #expect(facts.session == scene.session)
        }
    }

    @Test func `leaves no usable child, however an exchange races it`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let exchanges = ExchangeStore(pool: installation.exchange)
            let sessions = SessionStore(pool: installation.exchange)
            var children = 0
            for round in 0..<150 {
                let source = session(of: scene.user, in: scene.source)
                try await installation.add(source, in: scene.workspace)
                let attempt = scene.attempt(from: source)
                // Whichever is sent first has the better chance of being first.
                let endFirst = round.isMultiple(of: 2)
                async let ended: Int? =
                    endFirst
                    ? sessions.end(source.id, of: scene.user, in: scene.workspace, reason: "x", at: now) : nil
                async let outcome = exchanges.attempt(attempt)
                if !endFirst {
                    _ = try await sessions.end(
                        source.id,
                        of: scene.user,
                        in: scene.workspace,
                        reason: "x",
                        at: now
                    )
                }
                _ = try await ended
                guard try await outcome.recordedUntil != nil else { continue }
                children += 1
                let key = scene.key(attempt.newSessionID, in: scene.target)
                let facts = try await sessions.access(key).facts
                #expect(facts.session != nil)
                #expect(AccessPolicy.admit(facts, at: now) == nil)
                let refresh = try await sessions.refresh(key, generation: 1, at: now)
                #expect(RefreshPolicy.decide(refresh, at: now) == .refused)
                let grandchild = try await exchanges.attempt(
                    ExchangeStore.Attempt(
                        workspaceID: scene.workspace,
                        sourceSessionID: attempt.newSessionID,
                        userID: scene.user,
                        sourceAppID: scene.target.id,
                        target: scene.source,
                        isWorthRecording: true,
                        apiKeyID: APIKey.ID(UUID()),
                        newSessionID: Session.ID(UUID.v7(at: now)),
                        address: nil,
                        userAgent: nil,
                        exchangesPerMinute: nil,
                        now: now
                    )
                )
                #expect(grandchild.recordedUntil == nil)
            }
            #expect(children > 0)
            let usable = try await sessions.live(
                of: scene.user,
                in: scene.target.id,
                workspaceID: scene.workspace,
                at: now
            )
            #expect(usable.isEmpty)
        }
    }

    @Test func `for reuse ends the whole tree and says so in the audit log`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let branch = session(
                of: scene.user,
                in: scene.target,
                ancestors: [scene.session.id],
                generation: 4
            )
            let sibling = session(of: scene.user, in: scene.target, ancestors: [scene.session.id])
            let apart = session(of: scene.user, in: scene.target)
            try await installation.add(branch, sibling, apart, in: scene.workspace)

            try await store.endReused(
                branch,
                presented: 2,
                in: scene.workspace,
                requestID: "request-7",
                at: now
            )
            let ended = try await installation.texts(
                "SELECT id::text FROM sessions WHERE revoked_reason = 'refresh_token_reused'"
            )
            #expect(Set(ended) == [scene.session.id.text, branch.id.text, sibling.id.text])
            let entries = try await installation.texts(
                """
                SELECT concat_ws(' ', actor, action, subject, after->>'root', after->>'presented', after->>'current',
                    request_id)
                FROM audit_log
                """
            )
            #expect(
                entries == [
                    "user:\(scene.user.text) session.refresh_reused session:\(branch.id.text)"
                        + " \(scene.session.id.text) 2 4 request-7"
                ]
            )
        }
    }
}

@Suite struct `A look at a session` {
    @Test func `answers the session, the standing of its user in the token's app, and the user`() async throws
    {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, isMember: false)
            let store = SessionStore(pool: installation.exchange)
            let (facts, user) = try await store.access(scene.key(scene.session.id, in: scene.source))
            #expect(facts == AccessFacts(session: scene.session, user: .active, membership: .active))
            #expect(user?.id == scene.user)
            #expect(user?.email == "\(scene.user.hex)@example.com")
            let elsewhere = try await store.access(scene.key(scene.session.id, in: scene.target)).facts
            #expect(elsewhere == AccessFacts(session: scene.session, user: .active, membership: nil))
        }
    }

    @Test func `finds none of another user or workspace`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let other = try await installation.user(in: scene.workspace, memberOf: [(scene.source, .active)])
            let rival = try await installation.workspace()
            for key in [
                SessionStore.Key(
                    workspaceID: scene.workspace,
                    sessionID: scene.session.id,
                    userID: other,
                    appID: scene.source.id
                ),
                SessionStore.Key(
                    workspaceID: rival,
                    sessionID: scene.session.id,
                    userID: scene.user,
                    appID: scene.source.id
                ),
            ] {
                let (facts, user) = try await store.access(key)
                #expect(facts == AccessFacts(session: nil, user: nil, membership: nil))
                #expect(user == nil)
            }
        }
    }

    @Test func `lists the live sessions of a user in one app, newest first`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let other = try await installation.user(in: scene.workspace, memberOf: [(scene.source, .active)])
            let revoked = session(of: scene.user, in: scene.source, revokedAt: before(1))
            let live = [
                scene.session, session(of: scene.user, in: scene.source),
                session(of: scene.user, in: scene.source, ancestors: [scene.session.id]),
            ]
            try await installation.add(
                live[1],
                live[2],
                revoked,
                session(of: scene.user, in: scene.source, ancestors: [revoked.id], endedAbove: true),
                session(of: scene.user, in: scene.source, expiresAt: now),
                session(of: scene.user, in: scene.source, lastUsedAt: before(3600)),
                session(of: scene.user, in: scene.target),
                session(of: other, in: scene.source),
                in: scene.workspace
            )
            let listed = try await SessionStore(pool: installation.exchange).live(
                of: scene.user,
                in: scene.source.id,
                workspaceID: scene.workspace,
                at: now
            )
            #expect(listed.map(\.session) == live.sorted { $0.id.text > $1.id.text })
        }
    }
}

private struct RefreshStage: Sendable {
    let workspace: Workspace.ID
    let app: ConnectedApp
    let other: ConnectedApp
    let revokedRoot: Session.ID

    init(on installation: Installation) async throws {
        workspace = try await installation.workspace()
        app = try await installation.app("app", in: workspace)
        other = try await installation.app("other", in: workspace)
        let stranger = try await installation.user(in: workspace, memberOf: [(app, .active)])
        let revoked = session(of: stranger, in: app, revokedAt: before(5))
        try await installation.add(revoked, in: workspace)
        revokedRoot = revoked.id
    }
}

private struct RefreshCase: Sendable {
    private enum State: CaseIterable {
        case live
        case revoked
        case endedAbove
        case expired
        case idle
        case missing
        case ofAnotherApp
    }

    private let stage: RefreshStage
    private let state: State
    private let user = User.ID(UUID.v7(at: now))
    private let userStatus: User.Status
    private let membership: Membership.Status
    private let presented: Int
    private let session: Session

    /// Generations around the current one, 3, by how long ago it was made.
    static func all(on stage: RefreshStage) -> [RefreshCase] {
        let ages: [TimeInterval?] = [nil, 0, 29, 30, 31]
        return State.allCases.flatMap { state in
            [User.Status.active, .disabled].flatMap { user in
                [Membership.Status.active, .suspended].flatMap { membership in
                    [1, 2, 3, 4].flatMap { presented in
                        ages.map { RefreshCase(stage, state, user, membership, presented, rotated: $0) }
                    }
                }
            }
        }
    }

    private init(
        _ stage: RefreshStage,
        _ state: State,
        _ userStatus: User.Status,
        _ membership: Membership.Status,
        _ presented: Int,
        rotated age: TimeInterval?
    ) {
        self.stage = stage
        self.state = state
        self.userStatus = userStatus
        self.membership = membership
        self.presented = presented
        session = StorageTests.session(
            of: user,
            in: state == .ofAnotherApp ? stage.other : stage.app,
            ancestors: state == .endedAbove ? [stage.revokedRoot] : [],
            generation: 3,
            rotatedAt: age.map(before),
            lastUsedAt: state == .idle ? before(3600) : before(60),
            expiresAt: state == .expired ? now : after(86_400),
            revokedAt: state == .revoked ? before(1) : nil,
            endedAbove: state == .endedAbove
        )
    }

    var rows: [BoundStatement<Void>] {
        [
            Seed.user(user, in: stage.workspace, status: userStatus),
            Seed.membership(of: user, in: stage.app, stage.workspace, membership),
            Seed.membership(of: user, in: stage.other, stage.workspace),
        ] + (state == .missing ? [] : [Seed.session(session, in: stage.workspace)])
    }

    func check(_ store: SessionStore) async throws {
        let key = SessionStore.Key(
            workspaceID: stage.workspace,
            sessionID: session.id,
            userID: user,
            appID: stage.app.id
        )
        let facts = try await store.refresh(key, generation: presented, at: now)
        guard state != .missing, state != .ofAnotherApp else {
            #expect(facts.access == AccessFacts(session: nil, user: nil, membership: nil))
            #expect(facts.taken == nil)
            return
        }
        #expect(facts.access == AccessFacts(session: session, user: userStatus, membership: membership))
        #expect(facts.presented == presented)

        let isAdmitted = AccessPolicy.admit(facts.access, at: now) != nil
        let isTaken = isAdmitted && RefreshPolicy.accepts(session, presented: presented, at: now)
        let isCurrent = presented == session.generation
        #expect(facts.taken == (isTaken ? (isCurrent ? 4 : 3) : nil), "\(state) \(presented)")
        #expect(RefreshPolicy.decide(facts, at: now) != .overtaken)

        let row = try await store.access(key).facts.session
        #expect(row?.generation == (isTaken && isCurrent ? 4 : 3))
        #expect(row?.rotatedAt == (isTaken && isCurrent ? now : session.rotatedAt))
        #expect(row?.lastUsedAt == (isTaken ? now : session.lastUsedAt))
    }
}

/// One session's refresh tokens as the contract has them, nothing else.
private struct Model {
    enum Answer {
        case pair(Int)
        case reuse
        case over
    }

    var time: TimeInterval = 0
    var generation = 1
    private var rotatedAt: TimeInterval = -1000
    private var isOver = false

    mutating func present(_ presented: Int) -> Answer {
        if isOver { return .over }
        if presented == generation {
            generation += 1
            rotatedAt = time
            return .pair(generation)
        }
        if presented == generation - 1, time - rotatedAt < 30 { return .pair(generation) }
        isOver = true
        return .reuse
    }
}

/// Random numbers that a seed repeats.
struct Lehmer: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
