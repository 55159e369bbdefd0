import Domain
import Foundation
import Postgres
import Storage
import Testing

extension `An attempted exchange` {
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
