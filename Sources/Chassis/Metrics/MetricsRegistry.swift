package import CoreMetrics
import Synchronization

/// A swift-metrics factory that keeps every instrument and writes them in Prometheus' text format.
///
/// Asking twice for the same name and labels gives the same instrument, so a handle may be cached or not. A
/// name asked for as two kinds keeps the first kind in the exposition; the second is recorded and not
/// shown.
package final class MetricsRegistry: MetricsFactory {
    /// What kind of family a name stands for.
    enum Kind: String { case counter, gauge, histogram }

    /// All instruments of one name.
    struct Family {
        let kind: Kind
        var help: String?
        var instruments: [Labels: any ReadableInstrument] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var collectors: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// A registry with nothing in it.
    package init() {}

    /// Says what a metric means, for the exposition's `# HELP` line; may come before or after its first use.
    package func describe(_ name: String, _ help: String) {
        state.withLock { $0.help[name] = help }
    }

    /// Registers a closure that runs before each exposition, to bring gauges up to date; it must be quick.
    package func beforeExposition(_ collect: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    package func exposition() -> String {
        for collect in state.withLock({ $0.collectors }) { collect() }
        let (families, help) = state.withLock { ($0.families, $0.help) }
        var text = Exposition()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.append(name: name, family: family, help: help[name])
        }
        return text.text
    }

    /// A counter whose value is read from elsewhere before each exposition.
    func readCounter(_ name: String) -> GaugeInstrument {
        instrument(MetricName.counter(name), .counter, []) { GaugeInstrument() }
    }

    private func instrument<Instrument: ReadableInstrument>(
        _ name: String,
        _ kind: Kind,
        _ dimensions: [(String, String)],
        make: () -> Instrument
    ) -> Instrument {
        let labels = Labels(dimensions)
        return state.withLock { state in
            if let known = state.families[name]?.instruments[labels] as? Instrument { return known }
            let new = make()
            if state.families[name, default: Family(kind: kind)].kind == kind {
                state.families[name, default: Family(kind: kind)].instruments[labels] = new
            }
            return new
        }
    }

    private func forget(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                for (labels, instrument) in family.instruments where instrument === handler {
                    state.families[name]?.instruments[labels] = nil
                }
            }
        }
    }
}

extension MetricsRegistry {
    /// A counter; `_total` is added to its name when it is missing.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(MetricName.counter(label), .counter, dimensions) { CounterInstrument() }
    }

    /// A counter of decimal amounts.
    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        instrument(MetricName.counter(label), .counter, dimensions) { DecimalCounterInstrument() }
    }

    /// A gauge.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(MetricName.plain(label), .gauge, dimensions) { GaugeInstrument() }
    }

    /// A histogram when aggregating, a gauge otherwise.
    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate {
            return instrument(MetricName.plain(label), .histogram, dimensions) {
                HistogramInstrument(bounds: HistogramInstrument.quantities)
            }
        }
        return instrument(MetricName.plain(label), .gauge, dimensions) { GaugeInstrument() }
    }

    /// A histogram of seconds; `_seconds` is added to its name when it is missing.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(MetricName.timer(label), .histogram, dimensions) {
            HistogramInstrument(bounds: HistogramInstrument.durations)
        }
    }

    /// Takes the counter out of the exposition.
    package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }

    /// Takes the counter out of the exposition.
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }

    /// Takes the gauge out of the exposition.
    package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }

    /// Takes the recorder out of the exposition.
    package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }

    /// Takes the timer out of the exposition.
    package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }
}
