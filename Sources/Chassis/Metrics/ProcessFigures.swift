import Glibc
import Metrics

/// What the process itself costs: memory, processor time, descriptors, and when it started.
///
/// The names are those that Prometheus' own client libraries use.
struct ProcessFigures: Sendable {
    private let resident: Gauge
    private let cpu: GaugeInstrument
    private let descriptors: Gauge

    /// Registers the gauges and keeps them fresh whenever the metrics are read.
    static func register(in registry: MetricsRegistry) {
        let figures = ProcessFigures(registry)
        registry.describe("process_resident_memory_bytes", "Resident memory in bytes.")
        registry.describe("process_cpu_seconds_total", "User and system processor time in seconds.")
        registry.describe("process_open_fds", "Open file descriptors.")
        registry.describe("process_start_time_seconds", "When the process started, in seconds since 1970.")
        Gauge(label: "process_start_time_seconds", factory: registry).record(
            Double(Timestamp.now.sinceEpoch) / 1000
        )
        registry.beforeExposition { figures.refresh() }
    }

    private init(_ registry: MetricsRegistry) {
        resident = Gauge(label: "process_resident_memory_bytes", factory: registry)
        cpu = registry.readCounter("process_cpu_seconds_total")
        descriptors = Gauge(label: "process_open_fds", factory: registry)
    }

    private func refresh() {
        resident.record(Self.residentBytes)
        cpu.record(Self.cpuSeconds)
        descriptors.record(Self.openDescriptors)
    }

    private static var residentBytes: Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard unsafe fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = line.prefix { $0 != 0 }.split(separator: CChar(UInt8(ascii: " ")))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1].map(UInt8.init), as: UTF8.self))
        else { return 0 }
        return pages * Int(getpagesize())
    }

    private static var cpuSeconds: Double {
        var usage = rusage()
        guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var openDescriptors: Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(directory) }
        var count = -3  // Not the entries "." and "..", nor the descriptor that reads the directory.
        while unsafe readdir(directory) != nil { count += 1 }
        return count
    }
}
