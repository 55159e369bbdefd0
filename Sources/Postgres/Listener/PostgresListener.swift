package import Logging
import ServiceLifecycle
import Synchronization

/// Listens on channels over a connection of its own, and says when what it told may have had gaps.
///
/// A notification is a hint that something changed, never the change: payloads are not handed on, and many
/// notifications on one channel are one event while nobody has read it. After every (re)connect comes `.resync`,
/// because nothing is kept for a session that was not there. A dead link is noticed within nine seconds: every
/// five the session is asked whether it still listens, and must answer within three.
package final class PostgresListener: Service {
    /// How the listener is doing, for health checks and metrics.
    package struct Status: Sendable {
        /// Whether the session listens, as far as is known.
        package var isConnected = false
        /// When the server was last heard from, on the monotonic clock.
        package var lastHeard: ContinuousClock.Instant?
        /// How many sessions there have been after the first.
        package var reconnects = 0
    }

    /// The events, for one reader.
    ///
    /// They end when `run` has returned.
    package let events: PostgresEvents
    private let mailbox: EventMailbox
    private let channels: [String]
    private let settings: PostgresSettings
    private let parameters: ConnectionParameters
    private let logger: Logger
    private let timing: ListenerTiming
    private let current = Mutex(Status())
    private let meters: ListenerMeters

    /// A listener that does nothing yet; refuses a malformed URL.
    ///
    /// A channel is a constant of the program: lower-case letters, digits and underscores, at most 63 bytes.
    package convenience init(
        _ settings: PostgresSettings,
        channels: [String],
        logger: Logger,
        name: String = "main"
    ) throws(PostgresError) {
        try self.init(settings, channels: channels, logger: logger, name: name, timing: ListenerTiming())
    }

    init(
        _ settings: PostgresSettings,
        channels: [String],
        logger: Logger,
        name: String = "main",
        timing: ListenerTiming
    ) throws(PostgresError) {
        for channel in channels {
            precondition(Self.isValid(channel), "a channel is a short name in lower case")
        }
        var settings = settings
        settings.statementTimeout = .seconds(5)
        settings.connectTimeout = .seconds(5)
        self.settings = settings
        self.channels = channels
        self.logger = logger
        self.timing = timing
        parameters = try ConnectionParameters(settings)
        mailbox = EventMailbox()
        events = PostgresEvents(mailbox: mailbox)
        meters = ListenerMeters(listener: name)
    }

    /// How it is doing now.
    package var status: Status { current.withLock { $0 } }

    /// Connects, listens and connects again, until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await self.listenAgainAndAgain()
        }
        mailbox.finish()
    }

    private func listenAgainAndAgain() async {
        var backoff = Backoff(minimum: timing.minimumBackoff, maximum: timing.maximumBackoff)
        while !Task.isCancelled {
            do throws(PostgresError) {
                let link = try await ListenerLink.open(parameters, settings.connectTimeout) {
                    [self] channel in
                    heard()
                    meters.notified()
                    mailbox.put(.notification(channel: channel))
                }
                do throws(PostgresError) {
                    try await listen(on: link) { backoff.reset() }
                } catch {
                    await link.close()
                    throw error
                }
            } catch {
                let wasConnected = current.withLock { status in
                    defer { status.isConnected = false }
                    return status.isConnected
                }
                meters.disconnected(wasConnected: wasConnected)
                guard !Task.isCancelled else { return }
                if wasConnected {
                    logger.warning("the listener was cut off", metadata: ["reason": "\(error)"])
                }
                // A cancelled wait ends the loop.
                try? await Task.sleep(for: backoff.next(.random(in: 0...1)))
            }
        }
    }

    /// Returns only by throwing: the session is gone, or the task cancelled.
    private func listen(on link: ListenerLink, whenListening: () -> Void) async throws(PostgresError) {
        try await link.listen(channels, deadline: timing.pingDeadline)
        whenListening()
        let isFirst = current.withLock { status in
            let isFirst = status.lastHeard == nil
            if !isFirst { status.reconnects += 1 }
            status.isConnected = true
            status.lastHeard = .now
            return isFirst
        }
        meters.connected(isFirst: isFirst)
        logger.notice("listening", metadata: ["channels": "\(channels.joined(separator: " "))"])
        // Only now: what is read after this cannot miss what happens after this.
        mailbox.put(.resync)
        while true {
            try await link.waitForLoss(atMost: timing.pingInterval)
            try await link.check(channels, deadline: timing.pingDeadline)
            heard()
        }
    }

    private func heard() {
        current.withLock { $0.lastHeard = .now }
    }

    private static func isValid(_ channel: String) -> Bool {
        (1...63).contains(channel.utf8.count)
            && channel.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }
}

/// The listener's clockwork.
struct ListenerTiming: Sendable {
    var pingInterval = Duration.seconds(5)
    var pingDeadline = Duration.seconds(3)
    var minimumBackoff = Duration.milliseconds(100)
    var maximumBackoff = Duration.seconds(5)
}

/// Waits between attempts: each a random part of a bound that doubles.
struct Backoff: Sendable {
    let minimum: Duration
    let maximum: Duration
    private var failures = 0

    init(minimum: Duration, maximum: Duration) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The next wait; `random` between 0 and 1 chooses between the minimum and the bound.
    mutating func next(_ random: Double) -> Duration {
        let bound = min(minimum * (1 << min(failures, 16)), maximum)
        failures += 1
        return minimum + (bound - minimum) * random
    }

    mutating func reset() {
        failures = 0
    }
}
