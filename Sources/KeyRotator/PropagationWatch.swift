import Chassis
import Domain
import FoundationEssentials
import Logging
import Metrics
import ServiceLifecycle
import Storage

/// Sees how long it takes until every live node has what was written, and says so in the request it was written for.
struct PropagationWatch: Service {
    private struct Written: Sendable {
        let workspaceID: Workspace.ID
        let epoch: Int
        let at: Date
        let requests: [KeyRequest.ID]
    }

    /// How long a change is followed; a node that has not got it by then is not ready either.
    private static let patience: Duration = .seconds(10)

    let requests: KeyRequestStore
    let logger: Logger
    private let spans = Metrics.Timer(label: "key_propagation")
    private let late = Counter(label: "key_propagation_late_total")
    private let written = AsyncStream.makeStream(of: Written.self, bufferingPolicy: .bufferingNewest(1_000))

    init(requests: KeyRequestStore, logger: Logger) {
        self.requests = requests
        self.logger = logger
    }

    /// Follows what was written; never waits.
    func follow(_ done: KeyStore.Done, of workspaceID: Workspace.ID) {
        let answered = done.steps.compactMap { step -> KeyRequest.ID? in
            if case .finish(let id, .done) = step { id } else { nil }
        }
        written.continuation.yield(
            Written(workspaceID: workspaceID, epoch: done.epoch, at: done.at, requests: answered)
        )
    }

    /// Follows one change after the other until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await change in written.stream {
                do {
                    try await follow(change)
                } catch is CancellationError {
                    return
                } catch {
                    logger.debug("A change could not be followed.", metadata: .of([.error: "\(error)"]))
                }
            }
        }
    }

    private func follow(_ change: Written) async throws {
        let end = ContinuousClock.now + Self.patience
        while ContinuousClock.now < end {
            let seen = try await requests.acknowledgement(of: change.epoch, in: change.workspaceID)
            if seen.missing == 0 {
                guard let lastAt = seen.lastAt else { return }
                spans.recordSeconds(max(0, lastAt.timeIntervalSince(change.at)))
                for request in change.requests {
                    try await requests.acknowledged(request, at: lastAt, in: change.workspaceID)
                }
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        late.increment()
        logger.warning(
            "A node is late.",
            metadata: .of([
                .workspace: "\(change.workspaceID.reference)", .epoch: .stringConvertible(change.epoch),
            ])
        )
    }
}
