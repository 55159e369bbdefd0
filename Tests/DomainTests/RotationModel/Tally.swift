import Synchronization

/// How many states were visited, of each exploration and of all.
enum Tally {
    private static let total = Mutex(0)

    /// Prints what an exploration came to, and the way to what it found.
    static func add(_ found: Explorer.Exploration, of name: String) {
        let sum = total.withLock { sum in
            sum += found.states
            return sum
        }
        let count = "\(found.states) states, \(found.transitions) moves"
        print("rotation model: \(name): \(count), \(found.told) (\(sum) states in all so far)")
    }
}

extension Explorer.Exploration {
    /// The way to the breach, for a person to read.
    var told: String {
        guard let breach else { return isComplete ? "all of them, and nothing is wrong" : "not all of them" }
        let ways = trace.enumerated().map { "  \($0 + 1). \($1)" }
        return ([breach.rawValue + ":"] + ways).joined(separator: "\n") + "\n "
    }
}
