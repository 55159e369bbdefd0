import Domain
import FoundationEssentials
import Metrics
import Storage

/// What the worker counts: by step and by what is next, both closed sets.
struct KeyMeters: Sendable {
    private let failures = Counter(label: "key_rotation_failures_total")
    private let lastSuccess = Gauge(label: "key_rotation_last_success_timestamp_seconds")
    private let oldestDue = Gauge(label: "key_rotation_oldest_due_seconds")

    /// Counts one step.
    func count(_ act: String) {
        Counter(label: "signing_keys_steps_total", dimensions: [("step", act)]).increment()
        if act == "made" { Counter(label: "signing_keys_made_total").increment() }
    }

    /// Counts a workspace that could not be served.
    func failed() {
        failures.increment()
    }

    /// Notes that a round ended well.
    func succeeded(at now: Date) {
        lastSuccess.record(now.timeIntervalSince1970)
    }

    /// Shows when the first workspace has what is next, for each thing that can be, and how long the longest due waits.
    func record(_ figures: [KeyStore.ScheduleFigures], at now: Date) {
        for next in RotationPlan.Next.allCases {
            let figure = figures.first { $0.next == next }
            let dimensions = [("next", next.rawValue)]
            Gauge(label: "key_schedule_first_timestamp_seconds", dimensions: dimensions)
                .record(figure?.firstAt.timeIntervalSince1970 ?? 0)
            Gauge(label: "key_schedule_workspaces", dimensions: dimensions).record(figure?.count ?? 0)
        }
        let first = figures.map(\.firstAt).min() ?? now
        oldestDue.record(max(0, now.timeIntervalSince(first)))
    }
}
