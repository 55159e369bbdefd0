import NIOCore

/// One connection's next deadline.
///
/// Deadlines move far more often than they pass, so moving one later, or clearing it, leaves the scheduled
/// task alone: when the task runs it looks at the deadline and goes back to sleep. Only moving one earlier
/// schedules anew.
struct Alarm {
    private final class Deadline {
        var moment: NIODeadline?
    }

    private let deadline = Deadline()
    private var task: Scheduled<Void>?
    private var taskMoment: NIODeadline?

    /// Moves the deadline; `ring` runs on the loop once it has passed.
    mutating func set(_ moment: NIODeadline, on loop: any EventLoop, ring: @escaping () -> Void) {
        deadline.moment = moment
        if let taskMoment, taskMoment <= moment, taskMoment > .now() { return }
        task?.cancel()
        taskMoment = moment
        task = loop.assumeIsolated().scheduleTask(deadline: moment, Self.task(deadline, loop, ring))
    }

    /// Lets the time pass.
    mutating func clear() {
        deadline.moment = nil
    }

    /// Ends the alarm for good.
    mutating func cancel() {
        deadline.moment = nil
        task?.cancel()
        task = nil
    }

    private static func task(
        _ deadline: Deadline,
        _ loop: any EventLoop,
        _ ring: @escaping () -> Void
    ) -> () -> Void {
        {
            guard let moment = deadline.moment else { return }
            if moment <= .now() {
                deadline.moment = nil
                ring()
            } else {
                _ = loop.assumeIsolated().scheduleTask(deadline: moment, Self.task(deadline, loop, ring))
            }
        }
    }
}
