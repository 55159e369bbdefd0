import Domain

/// Everything at one moment: the database, what workers hold in their hands, and what may be about outside.
///
/// Services have no state of their own here: at every moment each of them may have any view that is not too
/// old, and any clock that is not too far off. So two of them, or any number, may disagree as much as they
/// can. Nor have relying parties and those who hold tokens: they change nothing, so that it is enough to know
/// of each key until when anybody may have a token of it, and until when anybody may keep a copy of the key
/// set without it.
struct ModelState: Hashable {
    /// What a service may see, besides the present.
    struct View: Hashable {
        var keys: [ModelKey]
        var life: Int
        /// Steps since it was the present.
        var age = 0
    }

    struct Request: Hashable {
        enum Kind: Hashable { case rotate, rotateAtOnce, compromise }

        var kind: Kind
        var key: Int?
    }

    /// What a worker holds: nothing, a key it made, or, if it is careless, the facts it is going to act upon.
    enum Worker: Hashable {
        case idle
        case prepared(isOther: Bool)
        case decided(Decision)
    }

    struct Decision: Hashable {
        var keys: [ModelKey]
        var requests: [Request]
        var isOther: Bool
        var age = 0
    }

    /// What is about of one key outside.
    struct Watch: Hashable {
        /// For how many steps any relying party must take the last token of it; none when there is none.
        var token = 0
        /// For how many steps a relying party may keep a copy that has not the key.
        var lack = 0
    }

    var keys: [ModelKey] = []
    var past: [View] = []
    var isOther = false
    var life: Int
    var requests: [Request] = []
    /// Nothing else is committed within the step.
    var isSettled = false
    var workers: [Worker] = []
    /// Of each key by its id, whether or not its row is still there.
    var watched: [Watch] = []
    /// The keys that a raise of token lifetimes has seen, while it is not committed.
    var raising: Int?
    /// What operators may still do.
    var asks = 0
    var policyChanges = 0
    var raises = 0
    /// What a hostile writer may still do.
    var writes = 0
}

extension ModelState {
    var views: [View] { [View(keys: keys, life: life)] + past }

    /// The present is another; views of the old one are about for a while.
    mutating func commit(_ keys: [ModelKey], life: Int? = nil) {
        if keys != self.keys || life ?? self.life != self.life {
            past.append(View(keys: self.keys, life: self.life))
        }
        self.keys = keys
        self.life = life ?? self.life
        isSettled = true
    }

    /// The name of a key that is made now.
    var freeID: Int { watched.count }

    /// The same state under the names that every state like it has.
    func canonical(_ scale: Scale) -> ModelState {
        var state = self
        let named = requests.compactMap(\.key)
        if keys.contains(where: { $0.isOver(scale) }) {
            state.keys = keys.filter { key in
                !key.isOver(scale) || named.contains(key.id) || watched[key.id].token > 0
            }
        }
        state.keys.sort { $0.place < $1.place }
        var names = Array(repeating: -1, count: watched.count)
        state.watched = []
        func name(_ id: Int) {
            guard names[id] < 0 else { return }
            names[id] = state.watched.count
            state.watched.append(watched[id])
        }
        for key in state.keys { name(key.id) }
        for view in past { for key in view.keys { name(key.id) } }
        for case .decided(let decision) in workers { for key in decision.keys { name(key.id) } }
        for id in watched.indices where watched[id].token > 0 { name(id) }
        if names.indices.contains(where: { names[$0] != $0 }) { state.rename(names) }
        // One worker is like the other.
        if state.workers.count == 2, state.workers[1].rank < state.workers[0].rank {
            state.workers.swapAt(0, 1)
        }
        return state
    }

    private mutating func rename(_ names: [Int]) {
        func renamed(_ keys: [ModelKey]) -> [ModelKey] {
            keys.map { key in
                var key = key
                key.id = names[key.id]
                return key
            }
        }
        func renamed(_ requests: [Request]) -> [Request] {
            requests.map { Request(kind: $0.kind, key: $0.key.map { names[$0] }) }
        }
        keys = renamed(keys)
        past = past.map { View(keys: renamed($0.keys), life: $0.life, age: $0.age) }
        requests = renamed(requests)
        raising = raising.map { seen in
            names.enumerated().reduce(0) { bits, name in
                seen & (1 << name.offset) == 0 || name.element < 0 ? bits : bits | 1 << name.element
            }
        }
        workers = workers.map { worker in
            guard case .decided(var decision) = worker else { return worker }
            decision.keys = renamed(decision.keys)
            decision.requests = renamed(decision.requests)
            return .decided(decision)
        }
    }

    /// A step later.
    func later(_ scale: Scale) -> ModelState {
        var state = self
        state.isSettled = false
        state.keys = keys.map { $0.later(scale) }
        state.past = past.compactMap { view in
            guard view.age < scale.lag else { return nil }
            return View(keys: view.keys.map { $0.later(scale) }, life: view.life, age: view.age + 1)
        }
        state.workers = workers.map { worker in
            guard case .decided(var decision) = worker else { return worker }
            decision.age += 1
            // Its transaction ended long ago.
            return decision.age > 2 ? .idle : .decided(decision)
        }
        state.watched = watched.map { Watch(token: max(0, $0.token - 1), lack: max(0, $0.lack - 1)) }
        return state
    }
}

extension ModelState.Worker {
    fileprivate var rank: Int {
        switch self {
        case .idle: 0
        case .prepared(let isOther): isOther ? 2 : 1
        case .decided(let decision): 3 + decision.age
        }
    }
}
