/// Visits every state that can come about, nearest first, so that the first breach found has the shortest way
/// to it.
struct Explorer {
    /// What a move leads to.
    enum Result {
        case state(ModelState)
        case breach(Breach)
    }

    /// A move and what it leads to.
    struct Next {
        var move: Move
        var result: Result
    }

    /// How a state was come to.
    private struct Origin {
        var from: Int
        var move: Move
    }

    /// What a search came to.
    struct Exploration {
        var states = 0
        var transitions = 0
        /// Whether every state was visited.
        var isComplete = false
        var breach: Breach?
        /// The moves to the breach.
        var trace: [Move] = []
    }

    /// What may happen next.
    let moves: (ModelState) -> [Next]
    /// What is wrong with a state.
    let breach: (ModelState) -> Breach?

    func explore(from starts: [ModelState], limit: Int) -> Exploration {
        var found = Exploration()
        var states: [ModelState] = []
        var origins: [Origin?] = []
        var visited: Set<ModelState> = []
        for start in starts where visited.insert(start).inserted {
            states.append(start)
            origins.append(nil)
        }
        var next = 0
        while next < states.count, states.count < limit {
            for step in moves(states[next]) {
                found.transitions += 1
                var broken: Breach?
                switch step.result {
                case .breach(let breach): broken = breach
                case .state(let state):
                    guard visited.insert(state).inserted else { continue }
                    states.append(state)
                    origins.append(Origin(from: next, move: step.move))
                    broken = breach(state)
                }
                guard let broken else { continue }
                found.states = states.count
                found.breach = broken
                found.trace = [step.move]
                var at = next
                while let origin = origins[at] {
                    found.trace.insert(origin.move, at: 0)
                    at = origin.from
                }
                return found
            }
            next += 1
        }
        found.states = states.count
        found.isComplete = next == states.count
        return found
    }
}
