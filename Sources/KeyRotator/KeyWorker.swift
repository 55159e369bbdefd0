import Chassis
import Domain
import FoundationEssentials
import Logging
import Metrics
import ServiceLifecycle
import Storage
import Tokens

/// Gives every workspace that has none its first signing key and its secret, and makes session partitions ahead.
///
/// Any number of workers may run. A key is made outside of any transaction and written only if the workspace still
/// needs one, under a lock that the others skip: whoever comes second throws its key away.
struct KeyWorker: Service {
    /// Days for which session partitions are made ahead.
    static let daysAhead = 14
    /// How long after its last look a workspace with nothing to do is looked at again.
    private static let nextLook: Duration = .seconds(86_400)
    /// Longest pause between two rounds when nothing wakes the worker.
    private static let longestPause: Duration = .seconds(30)
    /// Workspaces taken up in one round.
    private static let batch = 100

    let keys: KeyStore
    let sealing: KeySealing
    let notifier: ChangeNotifier
    let logger: Logger
    private let made = Counter(label: "signing_keys_made_total")
    private let wakeUps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(keys: KeyStore, sealing: KeySealing, notifier: ChangeNotifier, logger: Logger) {
        self.keys = keys
        self.sealing = sealing
        self.notifier = notifier
        self.logger = logger
    }

    /// Asks for a round soon.
    func wake() {
        wakeUps.continuation.yield()
    }

    /// Works whenever woken and at least every half minute, until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
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

    /// One round: everything that is due now.
    ///
    /// Answers how many workspaces got something.
    func runOnce() async throws -> Int {
        let partitions = try await keys.ensureSessionPartitions(days: Self.daysAhead)
        if partitions > 0 {
            logger.notice("Session partitions made.", metadata: .of([.count: .stringConvertible(partitions)]))
        }
        var served = 0
        while true {
            let due = try await keys.due(limit: Self.batch)
            var progress = 0
            for workspace in due where try await serve(workspace) {
                progress += 1
            }
            served += progress
            // What is still due is in another worker's hands, or there is nothing more.
            if due.count < Self.batch || progress == 0 { return served }
        }
    }

    private func serve(_ due: KeyStore.Due) async throws -> Bool {
        let now = Date()
        let key = due.hasKey ? nil : try makeKey(for: due, at: now)
        let secret = due.hasBrowserSecret ? nil : try makeSecret(for: due)
        let written = try await keys.record(
            key,
            browserSecret: secret,
            for: due.workspaceID,
            nextLook: Self.nextLook
        )
        guard written else { return false }
        notifier.tell()
        if let key {
            made.increment()
            logger.notice(
                "First signing key made.",
                metadata: .of([.workspace: "\(due.workspaceID.reference)", .kid: "\(key.kid)"])
            )
        }
        return true
    }

    /// A first key signs at once: nobody can have fetched the workspace's keys before there was one.
    private func makeKey(for due: KeyStore.Due, at now: Date) throws -> SigningKeyRecord {
        let generated = try GeneratedKey.generate(due.algorithm, bits: due.rsaBits)
        let kid = "\(UUID().uuidString.asciiLowercased)_\(Int64(now.timeIntervalSince1970))"
        let workspaceID = due.workspaceID.reference
        try SigningKey(kid: kid, algorithm: due.algorithm, pkcs8: generated.pkcs8).selfTest()
        let sealed = try sealing.seal(
            generated.pkcs8,
            for: .signingKey(kid, algorithm: due.algorithm, workspaceID: workspaceID)
        )
        return SigningKeyRecord(
            kid: kid,
            algorithm: due.algorithm,
            publicKey: generated.spki,
            sealedPrivateKey: sealed,
            publishedAt: now,
            activatesAt: now
        )
    }

    private func makeSecret(for due: KeyStore.Due) throws -> StoredSecret {
        let id = UUID().uuidString.asciiLowercased
        let place = SealedPlace.browserSecret(workspaceID: due.workspaceID.reference, id: id)
        return StoredSecret(id: id, sealed: try sealing.seal(SecureRandom.bytes(32), for: place))
    }
}
