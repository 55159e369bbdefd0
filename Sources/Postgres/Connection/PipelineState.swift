/// What is under way on one connection in pipeline mode, and to whom each answer belongs.
///
/// Pure: it is told what was sent and what came back, and says what it means. A unit is sent as
///
///     [prepare …] execute … sync
///
/// (BEGIN goes before everything else, because preparing already makes a snapshot) and answered in that order. After a failure the server skips everything up to the next sync, so a failing
/// statement fails its own unit and no other. Every prepare and execute is answered by one result and an end.
struct PipelineState<Unit> {
    /// One message that will be answered.
    enum Step: Equatable {
        case prepare(Int)
        case execute
        case sync
    }

    /// What came back.
    enum Answer: Equatable {
        case success
        case failure
        /// Not executed, because something before it in the same unit failed.
        case skipped
        /// The end of one statement's results.
        case end
        case sync
    }

    /// What it means for the first unit under way.
    enum Meaning: Equatable {
        case nothing
        /// A result of the unit's next statement.
        case result
        /// The unit will fail with this result.
        case failure
        /// A statement is prepared now.
        case prepared(Int)
        /// A statement was not prepared after all.
        case notPrepared(Int, isCause: Bool)
        /// The unit is complete.
        case finished
        /// The server said something that cannot be: the connection is of no more use.
        case outOfStep
    }

    private(set) var units = RingBuffer<Unit>()
    private var steps = RingBuffer<Step>()
    private var awaitsEnd = false

    /// Whether something is still to be answered.
    var isBusy: Bool { !steps.isEmpty }

    /// Whether the first unit's answer is awaited and its sync has been sent.
    var count: Int { units.count }

    /// The first steps of `unit` are about to be sent.
    mutating func begin(_ unit: Unit) {
        units.append(unit)
    }

    /// A step of the unit begun last was sent.
    mutating func sent(_ step: Step) {
        steps.append(step)
    }

    /// An answer came in.
    mutating func received(_ answer: Answer) -> Meaning {
        guard let step = steps.first else { return .outOfStep }
        if awaitsEnd {
            // A statement has one result; only its end may follow.
            guard answer == .end else { return .outOfStep }
            awaitsEnd = false
            _ = steps.popFirst()
            return .nothing
        }
        switch (step, answer) {
        case (.sync, .sync):
            _ = steps.popFirst()
            return .finished
        case (.sync, _), (_, .sync), (_, .end):
            return .outOfStep
        case (.prepare(let number), .success):
            awaitsEnd = true
            return .prepared(number)
        case (.execute, .success):
            awaitsEnd = true
            return .result
        case (.prepare(let number), let answer):
            awaitsEnd = true
            return .notPrepared(number, isCause: answer == .failure)
        case (.execute, .failure):
            awaitsEnd = true
            return .failure
        case (.execute, _):
            awaitsEnd = true
            return .nothing
        }
    }

    /// Removes the unit that has finished.
    mutating func finish() -> Unit? {
        units.popFirst()
    }
}
