package import FoundationEssentials
import Synchronization

/// How far this machine's clock is from the database's, by which everything else is coordinated.
///
/// Measured with every look at the database and carried on by the monotonic clock in between, so that a step of the
/// wall clock is seen at once and not at the next look.
package final class ClockWatch: Sendable {
    private struct Reading {
        let ahead: TimeInterval
        let wall: Date
        let monotonic: ContinuousClock.Instant
    }

    /// Seconds that may lie between the two: what a verifier's leeway covers.
    package static let most: TimeInterval = 30
    /// How long a look may have taken to say anything about the clock.
    private static let patience: Duration = .seconds(2)

    private let reading = Mutex(Reading?.none)

    /// Knows of no clock yet, and takes ours for right.
    package init() {}

    /// Takes in what the database's clock said to a question that was asked at `asked`.
    package func note(
        _ database: Date,
        asked: ContinuousClock.Instant,
        wall: Date,
        monotonic: ContinuousClock.Instant
    ) {
        let took = monotonic - asked
        guard took < Self.patience else { return }
        let ahead = wall.timeIntervalSince(database) - took / .seconds(1) / 2
        reading.withLock { $0 = Reading(ahead: ahead, wall: wall, monotonic: monotonic) }
    }

    /// Seconds by which our clock is ahead, negative when it is behind; none before the first look.
    package func ahead(wall: Date, monotonic: ContinuousClock.Instant) -> TimeInterval? {
        reading.withLock { reading in
            guard let reading else { return nil }
            let passed = (monotonic - reading.monotonic) / .seconds(1)
            return reading.ahead + wall.timeIntervalSince(reading.wall) - passed
        }
    }

    /// Whether times may be compared with the database's: it is not known to be wrong.
    package var isRight: Bool {
        ahead(wall: Date(), monotonic: .now).map { abs($0) <= Self.most } ?? true
    }

    /// Why the clock is not to be trusted, if it is not.
    package var reason: String? {
        guard let ahead = ahead(wall: Date(), monotonic: .now), abs(ahead) > Self.most else { return nil }
        return "the clock is \(Int(abs(ahead))) s \(ahead > 0 ? "ahead of" : "behind") the database's"
    }
}
