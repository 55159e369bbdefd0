import Chassis
import Domain
import FoundationEssentials
import Logging
import Metrics
import Postgres
import ServiceLifecycle
import Storage

/// Gives every workspace the keys and the secret it should have.
///
/// Any number of workers may run, and any may die anywhere. A key is made outside of any transaction and written only if
/// the plan still wants one under the workspace's lock: whoever comes second throws his key away.
struct KeyWorker: Service {
    /// Longest pause between two rounds when nothing wakes the worker.
    private static let longestPause: Duration = .seconds(1)
    /// Workspaces taken up at once, and for how long other workers leave them alone.
    private static let batch = 8
    private static let lease: Duration = .seconds(60)

    let keys: KeyStore
    let workshop: KeyWorkshop
    let notifier: ChangeNotifier
    let propagation: PropagationWatch
    let logger: Logger
    let masterKeys = MasterKeyWatch()
    private let meters = KeyMeters()
    private let wakeUps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(
        keys: KeyStore,
        workshop: KeyWorkshop,
        notifier: ChangeNotifier,
        propagation: PropagationWatch,
        logger: Logger
    ) {
        self.keys = keys
        self.workshop = workshop
        self.notifier = notifier
        self.propagation = propagation
        self.logger = logger
    }

    /// What a round came to.
    struct Round {
        /// Workspaces that got something.
        var served = 0
        /// Workspaces that could not be served; they are tried again.
        var failed = 0
    }

    /// Asks for a round soon.
    func wake() {
        wakeUps.continuation.yield()
    }

    /// Works whenever woken and at least every second, until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await self.tryMasterKeys() }
                group.addTask {
                    while !Task.isCancelled {
                        wake()
                        // Throws only when cancelled, which the loop sees.
                        try? await Task.sleep(for: Self.longestPause * Double.random(in: 0.8...1.2))
                    }
                }
                group.addTask {
                    for await _ in wakeUps.stream {
                        do {
                            _ = try await runOnce()
                            meters.succeeded(at: Date())
                            meters.record(try await keys.figures(), at: Date())
                        } catch is CancellationError {
                            return
                        } catch {
                            logger.warning("A round failed.", metadata: .of([.error: "\(error)"]))
                        }
                    }
                }
            }
        }
    }

    /// Tries some of what is sealed at once, so that wrong master keys are not found out when a key is due.
    private func tryMasterKeys() async {
        // What cannot be looked at now is when it is due.
        guard let workspaces = try? await keys.scheduled() else { return }
        for workspaceID in workspaces.shuffled().prefix(Self.batch) {
            if let facts = try? await keys.facts(of: workspaceID) {
                try? masterKeys.look(at: facts, with: workshop)
            }
        }
    }

    /// One round: everything that is due now and that no other worker has claimed.
    func runOnce() async throws -> Round {
        var round = Round()
        while !Task.isCancelled {
            let claimed = try await keys.claimDue(limit: Self.batch, lease: Self.lease)
            guard !claimed.isEmpty else { return round }
            for workspaceID in claimed {
                do {
                    if try await serve(workspaceID) { round.served += 1 }
                } catch let error as PostgresError where error.isUnavailability {
                    throw error
                } catch is CancellationError {
                    throw CancellationError()
                } catch {
                    // Its claim runs out in a minute; the others do not wait for it.
                    round.failed += 1
                    meters.failed()
                    logger.error(
                        "A workspace's keys could not be seen to.",
                        metadata: .of([.workspace: "\(workspaceID.reference)", .error: "\(error)"])
                    )
                }
            }
        }
        return round
    }

    /// Carries out plan after plan until nothing is due; answers whether anything was written.
    private func serve(_ workspaceID: Workspace.ID) async throws -> Bool {
        var hasWritten = false
        // Each pass makes at most one key, and a workspace needs few; what is left is due again.
        for _ in 0..<8 {
            guard let facts = try await keys.facts(of: workspaceID) else { return hasWritten }
            try masterKeys.look(at: facts, with: workshop)
            let prepared =
                RotationPlan.of(facts.rotation).makesKey
                ? try workshop.makeKey(for: workspaceID, policy: facts.rotation.policy) : nil
            let secret = facts.hasBrowserSecret ? nil : try workshop.makeSecret(for: workspaceID)
            let outcome = try await keys.carryOut(
                for: workspaceID,
                prepared: prepared,
                browserSecret: secret,
                plan: RotationPlan.of
            )
            switch outcome {
            case .notDue: return hasWritten
            // It changed between the two looks.
            case .unprepared: continue
            case .done(let done):
                if done.hasChanged {
                    hasWritten = true
                    notifier.tell()
                    propagation.follow(done, of: workspaceID)
                    report(done, of: workspaceID)
                }
                if done.plan.nextAt > done.at, done.sessionsEnded == 0 { return hasWritten }
            }
        }
        return hasWritten
    }

    private func report(_ done: KeyStore.Done, of workspaceID: Workspace.ID) {
        for step in done.steps {
            guard let (act, kid) = step.told else { continue }
            meters.count(act)
            logger.notice(
                "Signing key \(act).",
                metadata: .of([.workspace: "\(workspaceID.reference)", .kid: "\(kid)"])
            )
        }
    }
}

extension RotationStep {
    /// What the log and the counters call the step, and which key it is about; a new key is known by the audit log.
    fileprivate var told: (act: String, kid: String)? {
        switch self {
        case .make: ("made", "new")
        case .activate(let kid, _, _): ("activated", kid)
        case .withdraw(let kid, _, _): ("withdrawn", kid)
        case .retire(let kid, _, _): ("scheduled", kid)
        case .compromise(let kid): ("compromised", kid)
        case .erase(let kid): ("erased", kid)
        case .finish: nil
        }
    }
}
