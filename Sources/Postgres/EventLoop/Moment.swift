import Glibc

/// A point on the monotonic clock, in nanoseconds since an arbitrary start.
///
/// One integer, because the loop compares several for every unit and `ContinuousClock.Instant` has 128 bits.
struct Moment: Comparable, Sendable {
    var nanoseconds: Int64

    /// Later than every other moment.
    static let never = Moment(nanoseconds: .max)

    /// The clock's reading, which steps of the wall clock do not touch.
    static func now() -> Moment {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    static func + (moment: Moment, duration: Duration) -> Moment {
        let (seconds, attoseconds) = duration.components
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(
            seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ attoseconds / 1_000_000_000
        )
        return overflow || seconds > 1_000_000_000 ? .never : Moment(nanoseconds: sum)
    }

    /// How long after `earlier` this is; negative when it is before.
    func since(_ earlier: Moment) -> Duration {
        .nanoseconds(nanoseconds &- earlier.nanoseconds)
    }
}
