internal import Metrics

/// A listener's metrics.
struct ListenerMeters: Sendable {
    private let isConnected: Gauge
    private let notifications: Counter
    private let reconnects: Counter
    private let losses: Counter

    init(listener: String) {
        let dimensions = [("listener", listener)]
        isConnected = Gauge(label: "postgres_listener_connected", dimensions: dimensions)
        notifications = Counter(label: "postgres_notifications_total", dimensions: dimensions)
        reconnects = Counter(label: "postgres_listener_reconnects_total", dimensions: dimensions)
        losses = Counter(label: "postgres_listener_losses_total", dimensions: dimensions)
    }

    func notified() {
        notifications.increment()
    }

    func connected(isFirst: Bool) {
        isConnected.record(1)
        if !isFirst { reconnects.increment() }
    }

    func disconnected(wasConnected: Bool) {
        isConnected.record(0)
        if wasConnected { losses.increment() }
    }
}
