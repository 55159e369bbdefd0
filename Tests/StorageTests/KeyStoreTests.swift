import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The worker's view of keys` {
    @Test func `finds a new workspace due at once, without key and secret`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            #expect(try await store.nextDue() == nil)
            let workspace = try await installation.workspace()
            try await installation.run(
                """
                UPDATE workspaces
                SET signing_algorithm = 'ES256', rsa_bits = 3072, rotation_interval = 7200, rotation_lead = 700
                """,
                in: workspace
            )
            #expect(try await store.claimDue(limit: 10, lease: .seconds(60)) == [workspace])
            let facts = try #require(try await store.facts(of: workspace))
            #expect(
                facts.rotation.policy
                    == RotationPolicy(interval: 7200, lead: 700, algorithm: .es256, rsaBits: 3072)
            )
            #expect(facts.rotation.windows == KeyWindows())
            #expect(facts.rotation.keys == [])
            #expect(facts.rotation.jitter == facts.rotation.policy.jitter(of: workspace))
            #expect(abs(facts.rotation.now.timeIntervalSinceNow) < 60)
            #expect(!facts.hasBrowserSecret)
            #expect(try await store.nextDue() != nil)
        }
    }

    @Test func `claims a workspace for one worker until the claim runs out or something is asked`()
        async throws
    {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            let workspace = try await installation.workspace()
            #expect(try await store.claimDue(limit: 1, lease: .seconds(60)) == [workspace])
            #expect(try await store.claimDue(limit: 1, lease: .seconds(60)) == [])
            try await installation.run("UPDATE key_schedule SET claimed_until = now() - interval '1 s'")
            #expect(try await store.claimDue(limit: 1, lease: .seconds(60)) == [workspace])
            try await ask(.rotate, installation, workspace)
            #expect(try await store.claimDue(limit: 1, lease: .seconds(60)) == [workspace])
        }
    }

    @Test func `claims those longest due first, each for one of many workers`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            var workspaces: [Workspace.ID] = []
            for hours in 1...6 {
                let workspace = try await installation.workspace()
                workspaces.append(workspace)
                try await installation.run(
                    """
                    UPDATE key_schedule SET next_at = now() - make_interval(hours => \(hours))
                    WHERE workspace_id = '\(workspace.text)'
                    """
                )
            }
            #expect(try await Set(store.claimDue(limit: 2, lease: .seconds(60))) == Set(workspaces.suffix(2)))
            let claimed = try await withThrowingTaskGroup(of: [Workspace.ID].self) { group in
                for _ in 0..<6 { group.addTask { try await store.claimDue(limit: 1, lease: .seconds(60)) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == Set(claimed).count)
            #expect(Set(claimed).isSubset(of: workspaces.prefix(4)))
        }
    }
}

@Suite struct `Carrying out a plan` {
    @Test func `writes the first key and secret, then the standby, then nothing until its turn`() async throws
    {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            _ = try await installation.app("studio", in: workspace)
            let first = try #require(try await carryOut(installation, workspace, secret: "one"))
            #expect(first.madeSecret)
            #expect(first.plan.next == .key)
            let second = try #require(try await carryOut(installation, workspace, secret: "two"))
            #expect(!second.madeSecret)
            #expect(second.plan.next == .look)
            #expect(try await carryOut(installation, workspace) == nil)

            let snapshot = try #require(
                try await ConfigurationStore(pool: installation.exchange).load(workspace)
            )
            #expect(snapshot.epoch == second.epoch)
            #expect(snapshot.browserSecret?.id == "one")
            let (signer, standby) = (snapshot.signingKeys[0], snapshot.signingKeys[1])
            #expect(signer.haste == .first)
            #expect(signer.retiresAt == standby.activatesAt)
            #expect(signer.longestToken == 604_800)
            #expect(signer.expiresAt == standby.activatesAt + 604_860)
            #expect(standby.state(at: now) == .staged)
            #expect(standby.retiresAt == nil)
            let entries = try await installation.texts(
                "SELECT concat_ws(' ', actor, action) FROM audit_log ORDER BY sequence"
            )
            #expect(
                entries == [
                    "key-rotator signing_key.create", "key-rotator signing_key.create",
                    "key-rotator signing_key.retire",
                ]
            )
        }
    }

    @Test func `gives a workspace one key though many workers come at once`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            for _ in 0..<10 {
                let workspace = try await installation.workspace()
                let written = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<6 {
                        group.addTask {
                            let outcome = try await store.carryOut(
                                for: workspace,
                                prepared: preparedKey(),
                                browserSecret: nil
                            ) { facts in
                                facts.keys.isEmpty
                                    ? RotationPlan.of(facts)
                                    : RotationPlan(steps: [], nextAt: facts.now + 60, next: .look)
                            }
                            if case .done(let done) = outcome { return done.steps.count }
                            return 0
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(written == 1)
            }
            #expect(try await installation.number("SELECT count(*) FROM signing_keys") == 10)
        }
    }

    @Test func `passes over a workspace that another worker holds, without waiting`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let done = try await installation.superuser.transaction { other in
                try await other.execute(script: "SELECT FROM key_schedule FOR UPDATE")
                return try await carryOut(installation, workspace)
            }
            #expect(done == nil)
            #expect(try await carryOut(installation, workspace) != nil)
        }
    }

    @Test func `writes nothing when the plan wants another key than was made`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            for prepared in [nil, preparedKey(.es256), preparedKey(.rs256, bits: 4096)] {
                let outcome = try await KeyStore(pool: installation.rotator).carryOut(
                    for: workspace,
                    prepared: prepared,
                    browserSecret: nil,
                    plan: RotationPlan.of
                )
                guard case .unprepared = outcome else { throw Unexpected() }
            }
            #expect(try await installation.number("SELECT count(*) FROM signing_keys") == 0)
        }
    }

    @Test func `puts a workspace that is gone to rest`() async throws {
        try await withInstallation { installation in
            let gone = try await installation.workspace()
            try await installation.run("DELETE FROM workspaces WHERE id = '\(gone.text)'", in: gone)
            #expect(try await carryOut(installation, gone) == nil)
            #expect(try await KeyStore(pool: installation.rotator).nextDue() == nil)
        }
    }

    @Test func `tells in figures what is next for how many`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            for _ in 0..<3 {
                let workspace = try await installation.workspace()
                _ = try await carryOut(installation, workspace)
                _ = try await carryOut(installation, workspace)
            }
            _ = try await installation.workspace()
            let figures = try await store.figures()
            #expect(figures.first { $0.next == .look }?.count == 3)
            #expect(figures.first { $0.next == .key }?.count == 1)
        }
    }
}

@Suite struct `A request about keys` {
    @Test func `is answered with the epoch that has it, and acknowledged by the nodes`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let request = try await ask(.rotateAtOnce, installation, workspace)
            let requests = KeyRequestStore(pool: installation.administration)
            #expect(try await requests.progress(of: request, in: workspace)?.outcome == nil)
            let done = try #require(try await carryOut(installation, workspace))
            let progress = try #require(try await requests.progress(of: request, in: workspace))
            #expect(progress.outcome == .done)
            #expect(progress.epoch == done.epoch)

            let changes = ChangeStore(pool: installation.exchange)
            let node = UUID()
            try await changes.report(node: node, service: "token-exchange", host: "here", startedAt: now)
            try await changes.acknowledge([workspace: done.epoch - 1], node: node)
            #expect(try await requests.acknowledgement(of: done.epoch, in: workspace).missing == 1)
            try await changes.acknowledge([workspace: done.epoch], node: node)
            let seen = try await requests.acknowledgement(of: done.epoch, in: workspace)
            #expect(seen.missing == 0 && seen.nodes == 1 && seen.lastAt != nil)
        }
    }

    @Test func `compromises the signer: its private half is gone, and the standby signs`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let keys = try await loaded(installation, workspace)
            try await ask(.compromise(kid: keys[0].kid), installation, workspace)
            _ = try await carryOut(installation, workspace)
            let after = try await loaded(installation, workspace)
            let compromised = try #require(after.first { $0.kid == keys[0].kid })
            #expect(compromised.compromisedAt != nil)
            #expect(compromised.sealedPrivateKey == nil)
            let signer = try #require(after.signer(at: Date() + 60))
            #expect(signer.kid == keys[1].kid)
            #expect(signer.haste == .emergency)
            // A new standby is made in the next plan.
            #expect(try await carryOut(installation, workspace)?.steps.count == 2)
        }
    }

    @Test func `ends the sessions that may hold a token of the key when asked to, in batches`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let app = try await installation.app("studio", in: workspace)
            let user = try await installation.user(in: workspace, memberOf: [(app, .active)])
            try await installation.insert(
                (0..<6_000).map { _ in Seed.session(session(of: user, in: app), in: workspace) }
            )
            let key = try await loaded(installation, workspace)[0].kid
            let kept = try await ask(.compromise(kid: key), installation, workspace)
            _ = try await carryOut(installation, workspace)
            let live = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"
            #expect(try await installation.number(live) == 6_000)
            let next = try #require(try await loaded(installation, workspace).signer(at: Date() + 60)?.kid)
            let ended = try await ask(.compromise(kid: next), installation, workspace, sessions: .revoke)
            let first = try #require(try await carryOut(installation, workspace))
            #expect(first.sessionsEnded == 5_000)
            #expect(try await carryOut(installation, workspace)?.sessionsEnded == 1_000)
            _ = try await carryOut(installation, workspace)
            #expect(try await installation.number(live) == 0)
            let requests = KeyRequestStore(pool: installation.administration)
            let progress = try #require(try await requests.progress(of: ended, in: workspace))
            #expect(progress.sessionsRevoked == 6_000)
            #expect(!progress.isRevoking)
            #expect(try await requests.progress(of: kept, in: workspace)?.sessionsRevoked == 0)
        }
    }

    @Test func `names a key of the workspace, or is refused`() async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let state = try await sqlState {
                try await ask(.compromise(kid: "nobody-has-this-key"), installation, workspace)
            }
            #expect(state == .foreignKeyViolation)
        }
    }
}

struct Unexpected: Error {}

/// Carries out what is planned, with a key at hand; none when the workspace is not due.
@discardableResult
func carryOut(
    _ installation: Installation,
    _ workspace: Workspace.ID,
    secret: String = "secret"
) async throws -> KeyStore.Done? {
    let store = KeyStore(pool: installation.rotator)
    let facts = try await store.facts(of: workspace)
    let policy = facts?.rotation.policy ?? RotationPolicy()
    let outcome = try await store.carryOut(
        for: workspace,
        prepared: preparedKey(policy.algorithm, bits: policy.rsaBits),
        browserSecret: StoredSecret(id: secret, sealed: [1, 2, 3]),
        plan: RotationPlan.of
    )
    if case .done(let done) = outcome { return done }
    return nil
}

/// A workspace with a key that signs and a standby.
func atRest(_ installation: Installation) async throws -> Workspace.ID {
    let workspace = try await installation.workspace()
    try await carryOut(installation, workspace)
    try await carryOut(installation, workspace)
    return workspace
}

/// The workspace's keys as a service reads them, oldest activation first.
func loaded(_ installation: Installation, _ workspace: Workspace.ID) async throws -> [SigningKeyRecord] {
    try await ConfigurationStore(pool: installation.exchange).load(workspace)?.signingKeys ?? []
}

@discardableResult
func ask(
    _ wish: KeyRequest.Wish,
    _ installation: Installation,
    _ workspace: Workspace.ID,
    sessions: KeyRequest.Sessions = .keep
) async throws(PostgresError) -> KeyRequest.ID {
    let request = KeyRequest(id: KeyRequest.ID(UUID.v7(at: Date())), wish: wish, sessions: sessions)
    try await KeyRequestStore(pool: installation.administration).ask(
        request,
        reason: "tests",
        in: workspace,
        actor: "tests"
    )
    return request.id
}
