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
