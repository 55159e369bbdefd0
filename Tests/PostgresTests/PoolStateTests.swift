import Testing

@testable import Postgres

private typealias State = PoolState<Int, String>

private func limits(_ configure: (inout State.Limits) -> Void = { _ in }) -> State.Limits {
    var limits = State.Limits(
        connections: 3,
        depth: 2,
        waiting: 4,
        validationAge: .seconds(5),
        lifetime: .seconds(100),
        idle: .seconds(50),
        minimumBackoff: .milliseconds(100),
        maximumBackoff: .milliseconds(1_400)
    )
    configure(&limits)
    return limits
}

private func at(_ seconds: Double) -> Moment {
    Moment(nanoseconds: Int64(seconds * 1_000_000_000))
}

/// What the driver was asked, in words that can be compared.
extension State {
    fileprivate mutating func asked() -> [String] {
        takeChores().map { chore in
            switch chore {
            case .connect: "connect"
            case .validate(let slot): "validate \(slot)"
            case .close(let slot): "close \(slot)"
            case .send(let unit, let slot): "send \(unit) on \(slot)"
            case .grant(let lease, let slot): "grant \(lease) \(slot)"
            }
        }
    }

    /// A pool with open connections and nothing to do.
    fileprivate static func open(_ count: Int, _ limits: State.Limits) -> State {
        var state = State(limits)
        state.warm()
        _ = state.connected(now: at(0), spread: 0.5)
        for _ in 1..<max(count, 2) where count > 1 {
            // One more than there are connections makes the pool grow.
            var placed = 0
            while state.asked().contains("connect") == false, placed < 9 {
                _ = state.place(0, now: at(0))
                placed += 1
            }
            _ = state.connected(now: at(0), spread: 0.5)
            for slot in 0..<limits.connections {
                for _ in 0..<limits.depth { state.finished(slot, now: at(0)) }
            }
        }
        _ = state.asked()
        return state
    }
}

@Suite
struct `the pool's state` {
    @Test func `opens a connection for the first unit and sends it there`() {
        var state = State(limits())
        #expect(state.place(1, now: at(0)) == .waits)
        #expect(state.asked() == ["connect"])
        #expect(state.connected(now: at(0), spread: 0.5) == 0)
        #expect(state.asked() == ["send 1 on 0"])
    }

    @Test func `prefers an idle connection, then grows, and only then shares the least busy`() {
        var state = State.open(2, limits())
        #expect(state.place(1, now: at(1)) == .assigned(0))
        #expect(state.place(2, now: at(1)) == .assigned(1))
        #expect(state.asked() == [])
        #expect(state.place(3, now: at(1)) == .waits)
        #expect(state.asked() == ["connect"])
        _ = state.connected(now: at(1), spread: 0.5)
        #expect(state.asked() == ["send 3 on 2"])
        #expect(state.place(4, now: at(1)) == .assigned(2))
        state.finished(1, now: at(1))
        #expect(state.place(5, now: at(1)) == .assigned(1))
    }

    @Test func `a unit that waits for a new connection takes one that becomes idle first`() {
        var state = State.open(1, limits())
        _ = state.place(1, now: at(1))
        #expect(state.place(2, now: at(1)) == .waits)
        state.finished(0, now: at(1))
        #expect(state.asked() == ["connect", "send 2 on 0"])
    }

    @Test func `of equally busy connections takes the one heard from last`() {
        var state = State.open(
            2,
            limits {
                $0.connections = 2
                $0.depth = 4
            }
        )
        for unit in 0..<4 { _ = state.place(unit, now: at(1)) }
        state.finished(1, now: at(2))
        #expect(state.place(5, now: at(2)) == .assigned(1))
        #expect(state.place(6, now: at(2)) == .assigned(1))
    }

    @Test func `lets a bounded number wait in their order`() {
        var state = State.open(
            1,
            limits {
                $0.connections = 1
                $0.depth = 1
                $0.waiting = 2
            }
        )
        #expect(state.place(1, now: at(1)) == .assigned(0))
        #expect(state.place(2, now: at(1)) == .waits)
        #expect(state.place(3, now: at(1)) == .waits)
        #expect(state.place(4, now: at(1)) == .exhausted)
        state.finished(0, now: at(2))
        #expect(state.asked() == ["send 2 on 0"])
        state.finished(0, now: at(2))
        #expect(state.asked() == ["send 3 on 0"])
    }

    @Test func `forgets who no longer waits`() {
        var state = State.open(
            1,
            limits {
                $0.connections = 1
                $0.depth = 1
            }
        )
        _ = state.place(1, now: at(1))
        _ = state.place(2, now: at(1))
        _ = state.place(3, now: at(1))
        state.forget(units: { $0 == 2 }, leases: { _ in false }, now: at(1))
        state.finished(0, now: at(2))
        #expect(state.asked() == ["send 3 on 0"])
    }

    @Test func `refuses everybody at once while the server is away`() {
        var state = State(limits())
        _ = state.place(1, now: at(0))
        _ = state.asked()
        state.connectFailed("nobody there", now: at(0), spread: 1)
        #expect(state.absence == "nobody there")
        #expect(state.dismissWaiting().units == [1])
        #expect(state.place(2, now: at(0)) == .away("nobody there"))
        #expect(state.lease("a", now: at(0)) == .away("nobody there"))
        #expect(state.nextAttempt == at(0.1))
        state.tick(now: at(0.05))
        #expect(state.asked() == [])
        state.tick(now: at(0.1))
        #expect(state.asked() == ["connect"])
        _ = state.connected(now: at(0.2), spread: 0)
        #expect(state.absence == nil)
        #expect(state.place(3, now: at(0.2)) == .assigned(0))
    }

    @Test func `waits longer after each failed attempt, and never longer than its bound`() {
        var state = State(limits())
        _ = state.place(1, now: at(0))
        var waits: [Double] = []
        for _ in 0..<7 {
            state.connectFailed("away", now: at(0), spread: 1)
            waits.append(Double(state.nextAttempt.nanoseconds) / 1e9)
            state.tick(now: state.nextAttempt)
        }
        #expect(waits == [0.1, 0.2, 0.4, 0.8, 1.4, 1.4, 1.4])
        state.connectFailed("away", now: at(0), spread: 0)
        #expect(state.nextAttempt == at(0.7))
    }

    @Test func `is not away while a connection is left`() {
        var state = State.open(1, limits())
        _ = state.place(1, now: at(1))
        _ = state.place(2, now: at(1))
        #expect(state.asked() == ["connect"])
        state.connectFailed("too many", now: at(1), spread: 1)
        #expect(state.absence == nil)
        // It cannot grow for now, so what is there is shared.
        #expect(state.asked() == ["send 2 on 0"])
        #expect(state.place(3, now: at(1)) == .waits)
    }

    @Test func `connects again at once when its last connection is lost`() {
        var state = State.open(2, limits())
        state.lost(0, now: at(1))
        #expect(state.asked() == [])
        state.lost(1, now: at(1))
        #expect(state.asked() == ["connect"])
    }

    @Test func `asks a connection that was idle for long whether it is there, before it sends`() {
        var state = State.open(1, limits())
        #expect(state.place(1, now: at(6)) == .waits)
        #expect(state.asked().contains("validate 0"))
        state.validated(0, now: at(6))
        #expect(state.asked() == ["send 1 on 0"])
    }

    @Test func `gives a lease an idle connection for itself`() {
        var state = State.open(2, limits())
        #expect(state.lease("a", now: at(1)) == .waits)
        #expect(state.asked() == ["grant a 0"])
        #expect(state.place(1, now: at(1)) == .assigned(1))
        state.released(0, now: at(2))
        #expect(state.place(2, now: at(2)) == .assigned(0))
    }

    @Test func `keeps one of several connections for units`() {
        var state = State.open(2, limits { $0.connections = 2 })
        _ = state.lease("a", now: at(1))
        _ = state.lease("b", now: at(1))
        #expect(state.asked() == ["grant a 0"])
        #expect(state.place(1, now: at(1)) == .assigned(1))
        state.finished(1, now: at(1))
        state.released(0, now: at(1))
        #expect(state.asked() == ["grant b 0"])
    }

    @Test func `units cannot starve a lease`() {
        var state = State.open(2, limits { $0.connections = 2 })
        _ = state.place(1, now: at(1))
        _ = state.place(2, now: at(1))
        _ = state.lease("a", now: at(1))
        // Connection 0 is reserved: both newcomers go to 1, or wait.
        #expect(state.place(3, now: at(1)) == .assigned(1))
        #expect(state.place(4, now: at(1)) == .waits)
        state.finished(0, now: at(2))
        #expect(state.asked().first == "grant a 0")
    }

    @Test func `sends nothing to a fenced connection until the fence is lifted`() {
        var state = State.open(1, limits { $0.connections = 1 })
        state.fence(0, true, now: at(1))
        #expect(state.place(1, now: at(1)) == .waits)
        #expect(state.asked() == [])
        state.fence(0, false, now: at(1))
        #expect(state.asked() == ["send 1 on 0"])
    }

    @Test func `replaces a connection at the end of its life, once it is idle`() {
        var state = State.open(1, limits { $0.connections = 1 })
        _ = state.place(1, now: at(99))
        _ = state.asked()
        state.validated(0, now: at(99))
        #expect(state.asked() == ["send 1 on 0"])
        state.tick(now: at(101))
        #expect(state.asked() == [])
        #expect(state.place(2, now: at(101)) == .waits)
        state.finished(0, now: at(102))
        #expect(state.asked() == ["close 0", "connect"])
    }

    @Test func `spreads the ends of lives by a fifth`() {
        for (spread, end) in [(0.0, 90.0), (1.0, 110.0)] {
            var state = State(limits())
            state.warm()
            _ = state.connected(now: at(0), spread: spread)
            _ = state.asked()
            state.tick(now: at(end - 1))
            #expect(state.asked() == [])
            state.tick(now: at(end))
            #expect(state.asked() == ["close 0"])
        }
    }

    @Test func `closes connections that nobody needs, down to one`() {
        var state = State.open(3, limits())
        state.tick(now: at(51))
        #expect(state.asked() == ["close 0", "close 1"])
        #expect(state.open == 1)
    }

    @Test func `shut down, closes what is idle at once and what is busy when it is done`() {
        var state = State.open(2, limits())
        _ = state.place(1, now: at(1))
        state.shutDown(now: at(1))
        #expect(state.asked() == ["close 1"])
        #expect(state.place(2, now: at(1)) == .away("the pool is shut down"))
        state.finished(0, now: at(2))
        #expect(state.asked() == ["close 0"])
        #expect(state.open == 0)
    }
}

@Suite
struct `a back-off` {
    @Test func `doubles its bound, chooses below it, and begins anew after a success`() {
        var backoff = Backoff(minimum: .milliseconds(100), maximum: .seconds(5))
        #expect(
            (0..<8).map { _ in backoff.next(1) }
                == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map { .milliseconds($0) }
        )
        #expect(backoff.next(0) == .milliseconds(100))
        backoff.reset()
        #expect(backoff.next(1) == .milliseconds(100))
    }
}
