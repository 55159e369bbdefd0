import CoreMetrics
import Foundation
import Metrics
import Testing

@testable import Chassis

@Suite struct `The metrics exposition` {
    /// The samples of a text in Prometheus' format, by name with labels; fails on any line that is not in it.
    private func parse(_ text: String) throws -> [String: Double] {
        var samples: [String: Double] = [:]
        let sample =
            /([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*\})?) (\S+)/
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("# HELP ") || line.hasPrefix("# TYPE ") { continue }
            let match = try #require(try sample.wholeMatch(in: line), "malformed: \(line)")
            samples[String(match.1)] = Double(match.2 == "+Inf" ? "inf" : match.2)
        }
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return samples
    }

    @Test func `shows counters, gauges and histograms`() throws {
        let registry = MetricsRegistry()
        registry.describe("jobs_total", "Jobs\ndone.")
        Counter(label: "jobs", dimensions: [("kind", "a")], factory: registry).increment(by: 2)
        Counter(label: "jobs", dimensions: [("kind", "a")], factory: registry).increment()
        FloatingPointCounter(label: "spent", factory: registry).increment(by: 1.5)
        Gauge(label: "pool.size", factory: registry).record(7)
        Meter(label: "depth", factory: registry).decrement(by: 2)
        Recorder(label: "batch", factory: registry).record(30)
        let timer = Timer(label: "took", factory: registry)
        timer.recordNanoseconds(3_000_000)
        timer.recordSeconds(60)
        let text = registry.exposition()
        let samples = try parse(text)
        #expect(samples[#"jobs_total{kind="a"}"#] == 3)
        #expect(samples["spent_total"] == 1.5)
        #expect(samples["pool_size"] == 7)
        #expect(samples["depth"] == -2)
        #expect(samples[#"batch_bucket{le="20"}"#] == 0)
        #expect(samples[#"batch_bucket{le="50"}"#] == 1)
        #expect(samples[#"took_seconds_bucket{le="0.0025"}"#] == 0)
        #expect(samples[#"took_seconds_bucket{le="0.005"}"#] == 1)
        #expect(samples[#"took_seconds_bucket{le="10"}"#] == 1)
        #expect(samples[#"took_seconds_bucket{le="+Inf"}"#] == 2)
        #expect(samples["took_seconds_count"] == 2)
        #expect(samples["took_seconds_sum"] == 60.003)
        #expect(text.contains("# TYPE jobs_total counter\n"))
        #expect(text.contains("# TYPE took_seconds histogram\n"))
        #expect(text.contains("# TYPE pool_size gauge\n"))
        #expect(text.contains(#"# HELP jobs_total Jobs\ndone."#))
    }

    @Test func `escapes labels and makes names legal`() throws {
        let registry = MetricsRegistry()
        Counter(label: "9 läbel-x", dimensions: [("a-b", "q\"u\\o\nte")], factory: registry).increment()
        let samples = try parse(registry.exposition())
        #expect(samples[#"_9_l_bel_x_total{a_b="q\"u\\o\nte"}"#] == 1)
    }

    @Test func `takes the order of labels for no difference`() throws {
        let registry = MetricsRegistry()
        Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(try parse(registry.exposition()) == [#"c_total{a="1",b="2"}"#: 2])
    }

    @Test func `forgets what is destroyed, and shows one kind a name`() throws {
        let registry = MetricsRegistry()
        let counter = Counter(label: "gone", factory: registry)
        counter.increment()
        counter.destroy()
        Gauge(label: "x_seconds", factory: registry).record(1)
        Timer(label: "x", factory: registry).recordSeconds(1)
        #expect(try parse(registry.exposition()) == ["x_seconds": 1])
    }

    @Test func `counts exactly from many tasks`() async throws {
        let registry = MetricsRegistry()
        await withDiscardingTaskGroup { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<500 {
                        Counter(label: "n", factory: registry).increment()
                        Timer(label: "t", factory: registry).recordNanoseconds(1)
                    }
                }
            }
        }
        let samples = try parse(registry.exposition())
        #expect(samples["n_total"] == 4000)
        #expect(samples["t_seconds_count"] == 4000)
    }

    @Test func `says what the process costs`() throws {
        let registry = MetricsRegistry()
        ProcessFigures.register(in: registry)
        let samples = try parse(registry.exposition())
        #expect(try #require(samples["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(samples["process_cpu_seconds_total"]) > 0)
        #expect(try #require(samples["process_open_fds"]) > 2)
        #expect(
            abs(try #require(samples["process_start_time_seconds"]) - Date().timeIntervalSince1970) < 3600
        )
    }
}
