import Domain
import FoundationEssentials

/// Who does what to a workspace's keys, and what must never come of it.
final class RotationModel {
    /// Who is about besides careful workers.
    enum Company: Hashable {
        case nobody
        /// Workers that do what they once decided, without a second look.
        case careless
        /// Somebody who writes what no plan asks for.
        case hostile
    }

    let scale: Scale
    let company: Company
    let database: Database
    private let sought: Breach?
    var facts: [[ModelKey]: ViewFacts] = [:]
    var plans: [Situation: Visit] = [:]

    /// Looks for one breach alone when it is told which.
    init(
        scale: Scale = Scale(),
        without removed: Set<Guard> = [],
        company: Company = .nobody,
        seeking sought: Breach? = nil
    ) {
        self.scale = scale
        self.sought = sought
        self.company = company
        database = Database(scale: scale, guards: Set(Guard.allCases).subtracting(removed))
    }

    /// A workspace that has no key yet, with so much for people to do.
    func start(
        asks: Int,
        policyChanges: Int = 0,
        raises: Int = 0,
        workers: Int = 2,
        writes: Int = 0
    ) -> ModelState {
        var state = ModelState(life: scale.life)
        state.workers = Array(repeating: .idle, count: workers)
        state.asks = asks
        state.policyChanges = policyChanges
        state.raises = raises
        state.writes = writes
        return state
    }

    /// A workspace with a key that signs and its standby, which not every relying party has yet.
    ///
    /// An old one has no row of its first key any more.
    func atRest(
        asks: Int = 0,
        raises: Int = 0,
        workers: Int = 1,
        writes: Int = 0,
        isOld: Bool = false
    ) -> ModelState {
        var state = start(asks: asks, raises: raises, workers: workers, writes: writes)
        let turn = scale.publication
        state.keys = [
            ModelKey(
                id: 0,
                isOther: false,
                published: turn - scale.interval,
                activates: turn - scale.interval,
                retires: turn,
                expires: turn + scale.life + scale.margin,
                haste: isOld ? nil : .first,
                longest: scale.life
            ),
            ModelKey(id: 1, isOther: false, published: 1 - turn, activates: turn, longest: scale.life),
        ]
        return state
    }

    func explore(
        from state: ModelState,
        limit: Int = 1_000_000
    ) -> Explorer.Exploration {
        Explorer(moves: moves(from:), breach: breach(in:)).explore(
            from: [settled(state)],
            limit: limit
        )
    }

    private func moves(from state: ModelState) -> [Explorer.Next] {
        var moves: [Explorer.Next] = []
        func add(_ move: Move, _ change: (inout ModelState) -> Void) {
            var next = state
            change(&next)
            // What is about outside changes with the keys alone.
            let isOutside = next.past.count != state.past.count
            moves.append(
                Explorer.Next(move: move, result: .state(isOutside ? settled(next) : next.canonical(scale)))
            )
        }
        moves.append(Explorer.Next(move: .wait, result: .state(settled(state.later(scale)))))
        operate(state, add)
        let visit = visit(state)
        for index in state.workers.indices where index == 0 || state.workers[index] != state.workers[0] {
            work(state, index, state.workers[index], visit, add) { move, breach in
                if sought == nil || sought == breach {
                    moves.append(Explorer.Next(move: move, result: .breach(breach)))
                }
            }
        }
        if company == .hostile, state.writes > 0, !state.isSettled {
            for (what, keys) in database.writes(to: state) {
                let restored = keys.contains { key in
                    key.hasPrivateHalf && state.keys.contains { $0.id == key.id && !$0.hasPrivateHalf }
                }
                if restored, sought == nil || sought == .restoredPrivateHalf {
                    moves.append(Explorer.Next(move: .write(what), result: .breach(.restoredPrivateHalf)))
                }
                add(.write(what)) { next in
                    next.commit(keys)
                    next.writes -= 1
                }
            }
        }
        return moves
    }
}

extension RotationModel {
    private func breach(in state: ModelState) -> Breach? {
        let found = firstBreach(in: state)
        return sought == nil || found == sought ? found : nil
    }

    private func firstBreach(in state: ModelState) -> Breach? {
        if let breach = viewFacts(state.keys).breach { return breach }
        for view in state.past {
            if let breach = viewFacts(view.keys).breach { return breach }
        }
        for id in state.watched.indices {
            let watch = state.watched[id]
            guard watch.token > 0, watch.lack > 0 else { continue }
            let key = state.views.lazy.flatMap(\.keys).first { $0.id == id }
            guard let key, key.isExcused, key.published > -scale.publication else { return .refusedToken }
            // It fetched no longer than its patience ago, from a view that is not too old.
            let hasFetched = watch.lack > scale.maxAge - scale.patience
            if hasFetched, key.published <= -(scale.lag + scale.patience) { return .lostToken }
        }
        return nil
    }

    private func settled(_ state: ModelState) -> ModelState {
        var state = state
        observe(&state)
        return state.canonical(scale)
    }

    func viewFacts(_ keys: [ModelKey]) -> ViewFacts {
        if let known = facts[keys] { return known }
        let made = ViewFacts(keys, scale: scale, guards: database.guards)
        facts[keys] = made
        return made
    }
}
