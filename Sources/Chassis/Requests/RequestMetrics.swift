import CoreMetrics
import HTTPTypes
import Metrics
import Synchronization

/// Counts and times requests by route template, method and status; all three are closed sets.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    private struct Handles {
        let count: any CounterHandler
        let duration: any TimerHandler
    }

    private let registry: MetricsRegistry
    private let handles = Mutex<[Key: Handles]>([:])

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        registry.describe("http_requests_total", "Requests answered, by route template, method and status.")
        registry.describe("http_request_duration_seconds", "Time from the whole request to the whole answer.")
    }

    /// Counts one answered request.
    func note(route: String, method: HTTPRequest.Method, status: Int, nanoseconds: Int64) {
        let key = Key(route: route, method: Self.known(method), status: status)
        let handles = self.handles.withLock { all in
            if let known = all[key] { return known }
            let new = make(key)
            all[key] = new
            return new
        }
        handles.count.increment(by: 1)
        handles.duration.recordNanoseconds(nanoseconds)
    }

    private func make(_ key: Key) -> Handles {
        let labels = [("route", key.route), ("method", key.method)]
        return Handles(
            count: registry.makeCounter(
                label: "http_requests",
                dimensions: labels + [("status", String(key.status))]
            ),
            duration: registry.makeTimer(label: "http_request_duration", dimensions: labels)
        )
    }

    /// The method, or `other`: clients must not be able to make new labels.
    private static func known(_ method: HTTPRequest.Method) -> String {
        switch method {
        case .get, .head, .post, .put, .patch, .delete, .options: method.rawValue
        default: "other"
        }
    }
}
