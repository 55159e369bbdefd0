import Domain
import FoundationEssentials

/// What workers do: careful ones by the product's own plan, made anew within the transaction.
extension RotationModel {
    /// What a worker plans from.
    struct Situation: Hashable {
        var keys: [ModelKey]
        var requests: [ModelState.Request]
        var isOther: Bool
        var life: Int
    }

    /// What a worker's transaction comes to.
    struct Visit {
        var plan: RotationPlan
        var answer: Database.Answer
        var makesKey: Bool
        /// The steps, for a person to read.
        var told: String
    }

    func work(
        _ state: ModelState,
        _ index: Int,
        _ worker: ModelState.Worker,
        _ visit: Visit,
        _ add: (Move, (inout ModelState) -> Void) -> Void,
        _ fail: (Move, Breach) -> Void
    ) {
        switch worker {
        case .idle:
            if visit.makesKey {
                add(.prepare) { $0.workers[index] = .prepared(isOther: state.isOther) }
            } else {
                commit(state, index, visit, add, fail)
            }
            guard company == .careless, state.writes > 0 else { return }
            add(.decide) { next in
                next.writes -= 1
                next.workers[index] = .decided(
                    ModelState.Decision(keys: state.keys, requests: state.requests, isOther: state.isOther)
                )
            }
        case .prepared(let isOther):
            add(.crash) { $0.workers[index] = .idle }
            if !visit.makesKey || isOther == state.isOther { commit(state, index, visit, add, fail) }
        case .decided(let decision):
            guard !state.isSettled else { return }
            let plan = plan(decision.keys, decision.requests, isOther: decision.isOther)
            // Refused, it has done nothing.
            guard case .taken(let keys) = database.carryOut(plan, of: state, age: decision.age) else {
                return
            }
            add(.commitBlindly(plan.told)) { next in
                next.workers[index] = .idle
                next.commit(keys)
                plan.answer(decision.requests, in: &next)
            }
        }
    }

    private func commit(
        _ state: ModelState,
        _ index: Int,
        _ visit: Visit,
        _ add: (Move, (inout ModelState) -> Void) -> Void,
        _ fail: (Move, Breach) -> Void
    ) {
        guard !state.isSettled else { return }
        let move = Move.commit(visit.told)
        let keys: [ModelKey]
        switch visit.answer {
        case .taken(let taken): keys = taken
        case .refused(let rule): return fail(.refused(visit.told, by: rule), .refusedWorker)
        }
        guard !visit.plan.steps.isEmpty || state.workers[index] != .idle else { return }
        guard !keys.contains(where: isKept) else { return fail(move, .keptPrivateHalf) }
        add(move) { next in
            next.workers[index] = .idle
            guard !visit.plan.steps.isEmpty else { return }
            next.commit(keys)
            visit.plan.answer(state.requests, in: &next)
        }
    }

    private func isKept(_ key: ModelKey) -> Bool {
        key.hasPrivateHalf && (key.compromised != nil || key.retires.map { $0 + scale.margin <= 0 } ?? false)
    }

    func visit(_ state: ModelState) -> Visit {
        let situation = Situation(
            keys: state.keys,
            requests: state.requests,
            isOther: state.isOther,
            life: state.life
        )
        if let known = plans[situation] { return known }
        let plan = plan(state.keys, state.requests, isOther: state.isOther)
        let makesKey = plan.steps.contains { if case .make = $0 { true } else { false } }
        let visit = Visit(
            plan: plan,
            answer: database.carryOut(plan, of: state),
            makesKey: makesKey,
            told: plan.told
        )
        plans[situation] = visit
        return visit
    }

    private func plan(_ keys: [ModelKey], _ requests: [ModelState.Request], isOther: Bool) -> RotationPlan {
        RotationPlan.of(
            RotationFacts(
                keys: keys.map(\.record),
                policy: scale.policy(isOther: isOther),
                requests: requests.enumerated().map { number, request in request.real(number) },
                windows: scale.windows,
                now: Scale.instant(0)
            )
        )
    }
}

extension ModelState.Request {
    fileprivate func real(_ number: Int) -> KeyRequest {
        let wish: KeyRequest.Wish =
            switch kind {
            case .rotate: .rotate
            case .rotateAtOnce: .rotateAtOnce
            case .compromise: .compromise(kid: key.map(String.init) ?? "")
            }
        return KeyRequest(id: KeyRequest.ID(uuid(UInt8(number))), wish: wish)
    }
}

extension RotationPlan {
    /// Takes what the plan answered from what is asked.
    fileprivate func answer(_ requests: [ModelState.Request], in state: inout ModelState) {
        for case .finish(let id, _) in steps {
            let answered = requests.indices.first { id == KeyRequest.ID(uuid(UInt8($0))) }
            guard let answered, let index = state.requests.firstIndex(of: requests[answered]) else {
                continue
            }
            state.requests.remove(at: index)
        }
    }

    /// The steps, for a person to read.
    fileprivate var told: String {
        steps.map { step in
            switch step {
            case .make(let at, let haste): "make(from \(Scale.steps(at))\(haste.map { ", \($0)" } ?? ""))"
            case .activate(let kid, let at, let haste):
                "activate(\(kid) from \(Scale.steps(at))\(haste.map { ", \($0)" } ?? ""))"
            case .withdraw(let kid, let at, _): "withdraw(\(kid) at \(Scale.steps(at)))"
            case .retire(let kid, let at, _):
                "retire(\(kid) \(at.map { "at \(Scale.steps($0))" } ?? "never"))"
            case .compromise(let kid): "compromise(\(kid))"
            case .erase(let kid): "erase(\(kid))"
            case .finish: "answer"
            }
        }.joined(separator: ", ")
    }
}
