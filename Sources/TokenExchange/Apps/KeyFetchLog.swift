import Chassis
import Domain
import FoundationEssentials
import Logging
import ServiceLifecycle
import Storage
import Synchronization

/// Notes who fetches public keys, so that an operator can see which apps have not got a new one yet.
///
/// A fetch costs a look into a dictionary. Each place is written down at most once a minute, and some seconds late.
final class KeyFetchLog: Service {
    private struct Noted {
        /// When each place was last put on the list.
        var lastAt: [KeyFetchStore.Place: Date] = [:]
        /// What is to be written.
        var waiting: [KeyFetchStore.Place: Date] = [:]
    }

    private static let sample: TimeInterval = 60

    private let store: KeyFetchStore
    private let logger: Logger
    private let noted = Mutex(Noted())

    init(store: KeyFetchStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Notes a fetch; never waits.
    func note(_ appID: ConnectedApp.ID?, in workspaceID: Workspace.ID, at now: Date) {
        let place = KeyFetchStore.Place(workspaceID: workspaceID, appID: appID)
        noted.withLock { noted in
            if let lastAt = noted.lastAt[place], now.timeIntervalSince(lastAt) < Self.sample { return }
            noted.lastAt[place] = now
            noted.waiting[place] = now
        }
    }

    /// Writes down what was noted every few seconds until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Throws only when cancelled, which the loop sees.
                try? await Task.sleep(for: .seconds(2) * Double.random(in: 0.8...1.2))
                await self.write()
            }
        }
    }

    private func write() async {
        let waiting = noted.withLock { noted in
            defer { noted.waiting = [:] }
            return noted.waiting
        }
        for (workspaceID, places) in Dictionary(grouping: waiting, by: \.key.workspaceID) {
            do {
                let fetches = places.map { ($0.key.appID, $0.value) }
                try await store.note(Dictionary(fetches) { first, _ in first }, in: workspaceID)
            } catch {
                // A sample is lost; the next minute brings another.
                logger.debug("Key fetches were not noted.", metadata: .of([.error: "\(error)"]))
            }
        }
    }
}
