import Domain

/// What somebody may write who knows no plan: any row, in any way that could break a token; kept in line
/// afterwards, as a worker would, or left so.
extension Database {
    func writes(to state: ModelState) -> [(what: String, keys: [ModelKey])] {
        var found: [(String, [ModelKey])] = []
        func attempt(_ what: String, _ old: ModelKey?, _ new: ModelKey?) {
            for isChained in [false, true] {
                var table = state.keys
                guard write(old, new, to: &table, of: state) == nil else { continue }
                if isChained, !chain(&table, of: state) { continue }
                guard case .taken(let keys) = committed(table, from: state.keys) else { continue }
                if keys != state.keys { found.append((isChained ? "\(what), in line" : what, keys)) }
            }
        }
        for key in state.keys {
            for (what, change) in changes(to: key) {
                var new = key
                change(&new)
                if new != key { attempt("\(what) \(key.id)", key, new) }
            }
            var other = key
            other.id = state.freeID
            attempt("another public half for \(key.id)", key, other)
            attempt("removal of \(key.id)", key, nil)
        }
        for (what, key) in inserts(state) { attempt(what, nil, key) }
        return found
    }

    private func changes(to key: ModelKey) -> [(String, (inout ModelKey) -> Void)] {
        [
            ("now begins", { $0.activates = 0 }),
            ("a moment ago began", { $0.activates = -1 }),
            ("was published long ago", { $0.published = -scale.publication - 1 }),
            ("now ends", { ($0.retires, $0.expires) = (0, $0.longest + scale.margin) }),
            ("long ago ended", { ($0.retires, $0.expires) = (-scale.margin - 1, $0.longest - 1) }),
            ("soon ends", { ($0.retires, $0.expires) = (2, 2 + $0.longest + scale.margin) }),
            ("never ends", { ($0.retires, $0.expires) = (nil, nil) }),
            ("is gone with its last signature", { $0.expires = $0.retires }),
            ("is gone soon", { $0.expires = 2 }),
            ("is not compromised", { $0.compromised = nil }),
            ("has no private half", { $0.hasPrivateHalf = false }),
            ("signs no long tokens", { $0.longest = 0 }),
            ("signs in haste from now", { ($0.activates, $0.haste) = (0, .emergency) }),
            ("signs as the first from now", { ($0.activates, $0.haste) = (0, .first) }),
            ("was never in haste", { $0.haste = nil }),
            ("is compromised", { ($0.compromised, $0.hasPrivateHalf) = (0, false) }),
            ("will be compromised", { $0.compromised = 2 }),
            ("verifies again", { $0.expires = 4 }),
            ("has its private half again", { $0.hasPrivateHalf = true }),
        ]
    }

    private func inserts(_ state: ModelState) -> [(String, ModelKey)] {
        let key = ModelKey(
            id: state.freeID,
            isOther: state.isOther,
            published: 0,
            activates: 0,
            longest: state.life
        )
        var late = key
        late.published = -scale.publication
        var first = key
        first.haste = .first
        var hasty = key
        hasty.haste = .emergency
        var twin = key
        twin.activates = state.keys.map(\.activates).max() ?? 0
        return [
            ("a key that signs now", key), ("a key that begins with another", twin),
            ("a key that was published long ago", late),
            ("a first key", first), ("a key in haste", hasty),
        ]
    }

    /// Each key ends where the next begins, as far as the guards allow.
    private func chain(_ table: inout [ModelKey], of state: ModelState) -> Bool {
        let order = table.filter(\.isInChain).sorted { $0.activates < $1.activates }
        for (index, key) in order.enumerated() {
            var new = key
            new.retires = index + 1 < order.count ? max(order[index + 1].activates, 0) : nil
            new.expires = new.retires.map { $0 + key.longest + scale.margin }
            if new.retires == key.retires { continue }
            guard write(key, new, to: &table, of: state) == nil else { return false }
        }
        return true
    }
}
