internal import Metrics

/// A pool's metrics.
///
/// Every dimension is the pool's name or one of a closed set.
struct PoolMeters: Sendable {
    /// Why a unit or lease was not admitted.
    enum Refusal: String, Sendable {
        case exhausted
        case away
    }

    private let openConnections: Gauge
    private let unitsUnderWay: Gauge
    private let requestsWaiting: Gauge
    private let opens: Counter
    private let losses: Counter
    private let failedAttempts: Counter
    private let exhausted: Counter
    private let away: Counter

    init(pool: String) {
        let dimensions = [("pool", pool)]
        openConnections = Gauge(label: "postgres_connections", dimensions: dimensions)
        unitsUnderWay = Gauge(label: "postgres_units_under_way", dimensions: dimensions)
        requestsWaiting = Gauge(label: "postgres_waiting", dimensions: dimensions)
        opens = Counter(label: "postgres_connections_opened_total", dimensions: dimensions)
        losses = Counter(label: "postgres_connections_lost_total", dimensions: dimensions)
        failedAttempts = Counter(label: "postgres_connect_failures_total", dimensions: dimensions)
        func refused(_ refusal: Refusal) -> Counter {
            Counter(label: "postgres_refused_total", dimensions: dimensions + [("reason", refusal.rawValue)])
        }
        exhausted = refused(.exhausted)
        away = refused(.away)
    }

    func report(open: Int, underWay: Int, waiting: Int) {
        openConnections.record(open)
        unitsUnderWay.record(underWay)
        requestsWaiting.record(waiting)
    }

    func opened() { opens.increment() }
    func lost() { losses.increment() }
    func failedToConnect() { failedAttempts.increment() }

    func refused(_ refusal: Refusal) {
        switch refusal {
        case .exhausted: exhausted.increment()
        case .away: away.increment()
        }
    }
}
