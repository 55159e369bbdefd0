import Domain
import FoundationEssentials
import Logging
import Metrics
import ServiceLifecycle
import Storage
import Synchronization

/// Writes down what operators ask for afterwards: which API keys are in use, and why exchanges were refused.
///
/// Never in a caller's way: it is noted in memory and written some tenths of a second later. A key's use is written at
/// most once a minute. Refusals are those of callers with a live key; of a flood of them the first are kept.
final class ExchangeLog: Service {
    private struct Place: Hashable {
        let workspaceID: Workspace.ID
        let keyID: APIKey.ID
    }

    private struct Noted {
        var lastUse: [Place: Date] = [:]
        var uses: [Place: Date] = [:]
        var refusals: [Workspace.ID: [ExchangeRefusalStore.Refusal]] = [:]
    }

    private static let sample: TimeInterval = 60
    /// Refusals of one workspace between two writes.
    private static let most = 200

    private let keys: APIKeyStore
    private let refusals: ExchangeRefusalStore
    private let logger: Logger
    private let noted = Mutex(Noted())
    private let dropped = Counter(label: "exchange_refusals_not_noted_total")

    init(keys: APIKeyStore, refusals: ExchangeRefusalStore, logger: Logger) {
        self.keys = keys
        self.refusals = refusals
        self.logger = logger
    }

    /// Notes the use of a key; never waits.
    func used(_ keyID: APIKey.ID, in workspaceID: Workspace.ID, at now: Date) {
        let place = Place(workspaceID: workspaceID, keyID: keyID)
        noted.withLock { noted in
            if let last = noted.lastUse[place], now.timeIntervalSince(last) < Self.sample { return }
            noted.lastUse[place] = now
            noted.uses[place] = now
        }
    }

    /// Notes a refusal; never waits.
    func refused(_ refusal: ExchangeRefusalStore.Refusal, in workspaceID: Workspace.ID) {
        let isNoted = noted.withLock { noted in
            guard noted.refusals[workspaceID, default: []].count < Self.most else { return false }
            noted.refusals[workspaceID, default: []].append(refusal)
            return true
        }
        if !isNoted { dropped.increment() }
    }

    /// Writes down what was noted every half second until the service shuts down, and once more then.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Throws only when cancelled, which the loop sees.
                try? await Task.sleep(for: .milliseconds(500) * Double.random(in: 0.8...1.2))
                if !Task.isCancelled { await self.write() }
            }
        }
        await write()
    }

    private func write() async {
        let (uses, refusals) = noted.withLock { noted in
            defer { (noted.uses, noted.refusals) = ([:], [:]) }
            return (noted.uses, noted.refusals)
        }
        do {
            for (workspaceID, places) in Dictionary(grouping: uses, by: \.key.workspaceID) {
                let latest = places.map(\.value).max() ?? Date.distantPast
                try await keys.used(places.map(\.key.keyID), at: latest, in: workspaceID)
            }
            for (workspaceID, refusals) in refusals {
                try await self.refusals.note(refusals, in: workspaceID)
            }
        } catch {
            // Nobody waits for it, and the log has each refusal with its rule.
            logger.debug("Uses and refusals were not noted.", metadata: ["error": "\(error)"])
        }
    }
}
