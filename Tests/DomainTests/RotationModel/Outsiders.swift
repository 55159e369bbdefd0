/// What relying parties and services do all the time: fetch the keys, and sign.
extension RotationModel {
    /// What is about outside once everybody has done all that the views and clocks of this moment allow.
    func observe(_ state: inout ModelState) {
        for key in state.keys {
            while state.watched.count <= key.id { state.watched.append(ModelState.Watch()) }
        }
        let count = state.watched.count
        // Nobody has to take what somebody else may have signed.
        var leaked = 0
        for key in state.keys where key.leaked {
            leaked |= 1 << key.id
            state.watched[key.id].token = 0
        }
        for view in state.views {
            for at in viewFacts(view.keys).atClocks {
                // A workspace without keys publishes none, or the first would not be known when it signs.
                if at.published != 0 || !database.guards.contains(.noEmptySet) {
                    for id in 0..<count where at.published & (1 << id) == 0 {
                        state.watched[id].lack = scale.maxAge
                    }
                }
                guard let signer = at.signer, leaked & (1 << signer) == 0 else { continue }
                // Its end by the service's clock, for a relying party whose clock is behind.
                let left = at.clock + view.life + scale.leeway + scale.skew
                state.watched[signer].token = max(state.watched[signer].token, left)
            }
        }
    }
}

/// What operators ask and change.
extension RotationModel {
    func operate(_ state: ModelState, _ add: (Move, (inout ModelState) -> Void) -> Void) {
        if state.asks > 0, state.requests.count < 2 {
            var wishes = [ModelState.Request(kind: .rotate), ModelState.Request(kind: .rotateAtOnce)]
            wishes += state.keys.map { ModelState.Request(kind: .compromise, key: $0.id) }
            for wish in wishes {
                add(.ask(wish)) { next in
                    next.requests.append(wish)
                    next.asks -= 1
                }
            }
        }
        if state.policyChanges > 0 {
            add(.changePolicy) { next in
                next.isOther.toggle()
                next.policyChanges -= 1
            }
        }
        let all = state.keys.reduce(0) { $0 | 1 << $1.id }
        if let seen = state.raising {
            guard !state.isSettled else { return }
            add(.commitRaising) { next in
                next.raising = nil
                let raised = database.raised(state.keys, to: scale.raisedLife, seen: seen)
                next.commit(raised, life: scale.raisedLife)
            }
        } else if state.raises > 0, !state.isSettled {
            if database.guards.contains(.raisedAlone) {
                add(.raiseLifetimes) { next in
                    next.raises -= 1
                    let raised = database.raised(state.keys, to: scale.raisedLife, seen: all)
                    next.commit(raised, life: scale.raisedLife)
                }
            } else {
                add(.beginRaising) { next in
                    next.raises -= 1
                    next.raising = all
                }
            }
        }
    }
}
