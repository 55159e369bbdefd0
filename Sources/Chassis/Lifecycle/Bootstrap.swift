package import Logging
import Metrics
package import ServiceLifecycle
import UnixSignals

/// A started program: its settings, its logger and its metrics, and the way to run its services until it is
/// told to stop.
package struct Bootstrap: Sendable {
    /// What the program was told.
    package let settings: Settings
    /// The program's logger.
    package let logger: Logger
    /// The program's metrics, which swift-metrics is bootstrapped with.
    package let metrics: MetricsRegistry
    /// Raised when the program is told to stop.
    package let drain: DrainSignal

    /// Starts a long-running program; call it once, before any logger or metric is made.
    ///
    /// Checks the settings, takes over swift-log (to standard error) and swift-metrics, ignores `SIGPIPE`,
    /// and for a program that holds keys forbids core files. Throws ``SettingsError`` naming the variable
    /// at fault.
    package static func start(
        _ schema: SettingsSchema,
        environment: [String: String],
        holdsKeys: Bool = false
    ) throws(SettingsError) -> Bootstrap {
        let settings = try Settings.load(schema, environment: environment)
        ProcessSetup.prepare()
        if holdsKeys { ProcessSetup.forbidCoreFiles() }
        let sink = LogSink.standardError
        let handler = LineLogHandler(sink: sink, format: settings[.logFormat], level: settings[.logLevel])
        LoggingSystem.bootstrap { _ in handler }
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        ProcessFigures.register(in: metrics)
        let dropped = metrics.readCounter("log_lines_dropped")
        metrics.describe("log_lines_dropped_total", "Log lines that standard error could not take.")
        metrics.beforeExposition { dropped.set(Int64(sink.dropped)) }
        return Bootstrap(settings: settings, logger: Logger(label: schema.program), metrics: metrics)
    }

    /// States a program's parts directly; for tests.
    package init(
        settings: Settings,
        logger: Logger,
        metrics: MetricsRegistry,
        drain: DrainSignal = DrainSignal()
    ) {
        self.settings = settings
        self.logger = logger
        self.metrics = metrics
        self.drain = drain
    }

    /// Runs services until `SIGTERM` or `SIGINT`, then stops them in reverse order within `SHUTDOWN_TIMEOUT`.
    ///
    /// List first what others need; the server comes last, so that it stops accepting before the rest
    /// stops. At the signal `/readyz` says 503 and answers close their connections at once; after
    /// `SHUTDOWN_DRAIN` the server stops accepting, and requests under way finish. A second signal, or the
    /// end of the time, cancels what is left. Returns when everything has ended; throws what a service
    /// threw before that. A program that ignores even cancellation is ended by the kernel a few seconds
    /// later.
    package func run(_ services: [any Service]) async throws {
        logger.notice("Started.", metadata: .of([.name: .string(settings.program)]))
        let group = ServiceGroup(configuration: configuration(services))
        let outcome = await withTaskGroup(of: Outcome.self) { tasks in
            tasks.addTask {
                do {
                    try await group.run()
                    return .ended(nil)
                } catch {
                    return .ended(error)
                }
            }
            tasks.addTask {
                await awaitSignals(group)
                return .signalled
            }
            var outcome: Outcome = .signalled
            while case .signalled = outcome, let next = await tasks.next() {
                outcome = next
                tasks.cancelAll()
            }
            return outcome
        }
        try conclude(outcome)
    }

    private enum Outcome: Sendable {
        case ended((any Error)?)
        case signalled
    }

    /// How the group of services stops: the drain first, then each in reverse order, within the time allowed.
    func configuration(_ services: [any Service]) -> ServiceGroupConfiguration {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        let drainService = DrainService(signal: drain, delay: settings.shutdownDrain)
        var configuration = ServiceGroupConfiguration(
            services: (services + [drainService]).map { .init(service: $0) },
            logger: quiet
        )
        configuration.maximumGracefulShutdownDuration = settings.shutdownTimeout
        return configuration
    }

    /// Asks the group to stop at the first signal; returns at the second, or when cancelled.
    private func awaitSignals(_ group: ServiceGroup) async {
        var isStopping = false
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            if isStopping {
                logger.warning("Told to stop again; giving up what is under way.")
                return
            }
            isStopping = true
            logger.notice("Told to stop.", metadata: .of([.reason: .string("\(signal)")]))
            drain.raise()
            ProcessSetup.endIfStuck(after: settings.shutdownTimeout + .seconds(2))
            await group.triggerGracefulShutdown()
        }
    }

    private func conclude(_ outcome: Outcome) throws {
        ProcessSetup.endIfStuck(after: nil)
        if case .ended(let error?) = outcome {
            // ArgumentParser prints it as its one line.
            if error is SettingsError { throw error }
            guard drain.isDraining else {
                logger.critical("Stopped by a failure.", metadata: .of([.error: "\(error)"]))
                throw error
            }
            logger.warning("Stopped without finishing everything.", metadata: .of([.error: "\(error)"]))
        } else {
            logger.notice("Stopped.")
        }
    }
}
