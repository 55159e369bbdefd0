import CoreMetrics
import Synchronization

/// What an instrument shows in the exposition.
enum Sample {
    case whole(Int64)
    case decimal(Double)
    case histogram(HistogramState)
}

/// An instrument that can be read.
protocol ReadableInstrument: AnyObject, Sendable {
    var sample: Sample { get }
}

/// A count that only grows.
final class CounterInstrument: CounterHandler, ReadableInstrument {
    private let count = Atomic<Int64>(0)

    var sample: Sample { .whole(count.load(ordering: .relaxed)) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { count.store(0, ordering: .relaxed) }
}

/// A sum of decimal amounts that only grows.
final class DecimalCounterInstrument: FloatingPointCounterHandler, ReadableInstrument {
    private let sum = Mutex<Double>(0)

    var sample: Sample { .decimal(sum.withLock { $0 }) }

    func increment(by amount: Double) { sum.withLock { $0 += amount } }

    func reset() { sum.withLock { $0 = 0 } }
}

/// A value that goes up and down.
final class GaugeInstrument: MeterHandler, RecorderHandler, ReadableInstrument {
    private let value = Mutex<Double>(0)

    var sample: Sample { .decimal(value.withLock { $0 }) }

    func set(_ new: Int64) { set(Double(new)) }

    func set(_ new: Double) { value.withLock { $0 = new } }

    func increment(by amount: Double) { value.withLock { $0 += amount } }

    func decrement(by amount: Double) { value.withLock { $0 -= amount } }

    func record(_ new: Int64) { set(Double(new)) }

    func record(_ new: Double) { set(new) }
}

/// The counts of a histogram at one moment.
struct HistogramState {
    /// The upper bounds of the buckets, ascending, without infinity.
    let bounds: [Double]
    /// How many observations fell into each bucket; one more than there are bounds.
    var counts: [Int64]
    /// The sum of all observations.
    var sum = 0.0

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Counts one observation.
    mutating func observe(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index] += 1
        sum += value
    }
}

/// A distribution over fixed buckets; a timer's are in seconds.
final class HistogramInstrument: TimerHandler, RecorderHandler, ReadableInstrument {
    /// Bounds for durations, in seconds.
    static let durations: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Bounds for counts and sizes.
    static let quantities: [Double] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000,
    ]

    private let state: Mutex<HistogramState>

    init(bounds: [Double]) {
        state = Mutex(HistogramState(bounds: bounds))
    }

    var sample: Sample { .histogram(state.withLock { $0 }) }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) { state.withLock { $0.observe(value) } }
}
