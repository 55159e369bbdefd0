import Domain
import FoundationEssentials
import Testing

@Suite struct `Of several rules that refuse an exchange` {
    @Test func `the earlier of any two answers`() {
        for (position, earlier) in contractOrder.enumerated() {
            for later in contractOrder[(position + 1)...] {
                let decision = ExchangePolicy.decide(facts(failing: [earlier, later]))
                #expect(decision.asked == trace(endingAt: earlier), "\(earlier) before \(later)")
                #expect(decision.refusal == ExchangePolicy.decide(facts(failing: [earlier])).refusal)
            }
        }
    }

    @Test func `the first of any number answers, and only facts outside the database keep it unrecorded`() {
        for choice in 1..<(1 << contractOrder.count) {
            let failing = Set(
                contractOrder.indices.filter { choice >> $0 & 1 == 1 }.map { contractOrder[$0] }
            )
            let facts = self.facts(failing: failing)
            let decision = ExchangePolicy.decide(facts)
            let first = contractOrder.first { failing.contains($0) }
            guard
                decision.failedRule == first,
                ExchangePolicy.isWorthRecording(facts) == failing.isSubset(of: rulesOnStanding)
            else {
                Issue.record("\(failing) gave \(decision)")
                return
            }
        }
    }

    /// Facts that fail exactly the given rules, each by a fact of its own.
    private func facts(failing: Set<ExchangeRule>) -> ExchangeFacts {
        let key = apiKey(
            targetApps: failing.contains(.keyScope) ? [] : nil,
            revokedAt: failing.contains(.workspaceAPIKey) ? before(1) : nil
        )
        let target = app(
            "target",
            status: failing.contains(.targetApp) ? .suspended : .active,
            exchangePolicy: failing.contains(.exchangePolicy) ? .none : .workspace
        )
        return exchange(
            apiKey: key,
            callerInNetworks: !failing.contains(.callerNetwork),
            request: failing.contains(.request) ? .malformed(field: "app_id") : .target(target),
            session: session(
                depth: failing.contains(.lineage) ? 8 : 0,
                revokedAt: failing.contains(.userToken) ? before(1) : nil
            ),
            user: failing.contains(.workspaceAccess) ? .disabled : .active,
            target: failing.contains(.targetMembership) ? .suspended : .active,
            exchanges: failing.contains(.rateLimit) ? 2 : 1,
            limit: 1,
            isReady: !failing.contains(.readiness)
        )
    }
}

/// Runs over every combination of the values below, and expects each to fall as its values say.
@Suite struct `Every combination of facts` {
    @Test(arguments: Values.keys)
    fileprivate func `is decided by the first rule that one of them fails, the same each time`(
        _ key: Value<APIKey?>
    ) {
        var combinations = 0
        Values.forEach(key: key) { facts, failing in
            combinations += 1
            let decision = ExchangePolicy.decide(facts)
            let first = contractOrder.first { failing.contains($0) }
            guard decision == ExchangePolicy.decide(facts), decision.failedRule == first,
                (decision.refusal == nil) == (first == nil),
                decision.asked == first.map(trace(endingAt:)) ?? Self.allPassed
            else {
                Issue.record("expected \(String(describing: first)), got \(decision) for \(facts)")
                return false
            }
            return true
        }
        #expect(combinations == Values.combinationsOfEachKey)
    }

    @Test(arguments: Values.keys)
    fileprivate func `is worth recording when the source is active and no rule fails that needs no database`(
        _ key: Value<APIKey?>
    ) {
        Values.forEach(key: key) { facts, failing in
            let isWorthRecording =
                facts.source?.status == .active && failing.isSubset(of: rulesOnStanding)
            guard ExchangePolicy.isWorthRecording(facts) == isWorthRecording else {
                Issue.record("expected \(isWorthRecording) for \(facts), which fails \(failing)")
                return false
            }
            return true
        }
    }

    private static let allPassed = contractOrder.map { Asked(rule: $0, passed: true) }
}

/// A value of one fact and the rules that it fails, whatever the others are.
private struct Value<Fact: Sendable>: CustomTestStringConvertible, Sendable {
    let fact: Fact
    let fails: Set<ExchangeRule>

    var testDescription: String {
        fails.isEmpty ? "allowed" : fails.map(\.rawValue).sorted().joined(separator: ", ")
    }

    init(_ fact: Fact, fails: Set<ExchangeRule> = []) {
        self.fact = fact
        self.fails = fails
    }
}

private enum Values {
    static let keys: [Value<APIKey?>] = [
        Value(nil, fails: [.workspaceAPIKey, .keyScope]),
        Value(apiKey()),
        Value(apiKey(revokedAt: before(1)), fails: [.workspaceAPIKey]),
        Value(apiKey(sourceApps: ["target"]), fails: [.keyScope]),
        Value(apiKey(targetApps: []), fails: [.keyScope]),
    ]
    // Without an active source there is nobody to exchange from, so nothing is written either.
    static let tokens: [Value<ExchangeFacts.Token>] = [
        Value(.invalid, fails: [.userToken, .workspaceAccess, .keyScope, .exchangePolicy]),
        Value(.ofAnotherWorkspace, fails: [.workspaceAccess, .keyScope, .exchangePolicy]),
        Value(.genuine(source: nil), fails: [.workspaceAccess, .keyScope, .exchangePolicy]),
        Value(.genuine(source: app("source", status: .suspended, groups: ["a"])), fails: [.workspaceAccess]),
        Value(.genuine(source: app("source", groups: ["a"]))),
    ]
    static let requests: [Value<ExchangeFacts.Request>] = [
        Value(.malformed(field: "body"), fails: [.request, .targetApp, .keyScope, .exchangePolicy]),
        Value(.target(nil), fails: [.targetApp, .keyScope, .exchangePolicy]),
        Value(.target(app("target", status: .suspended)), fails: [.targetApp]),
        Value(.target(app("target", exchangePolicy: .none, groups: ["a"])), fails: [.exchangePolicy]),
        Value(.target(app("target", exchangePolicy: .ssoGroup, groups: ["b"])), fails: [.exchangePolicy]),
        Value(.target(app("target", exchangePolicy: .ssoGroup, groups: ["a"]))),
        Value(.target(app("target", signupPolicy: .inviteOnly))),
    ]
    static let sessions: [Value<Session?>] = [
        Value(nil, fails: [.userToken]),
        Value(session()),
        Value(session(endedAbove: true), fails: [.userToken]),
        Value(session(depth: 8), fails: [.lineage]),
    ]
    static let people: [Value<(User.Status?, Membership.Status?)>] = [
        Value((.active, .active)),
        Value((.disabled, .active), fails: [.workspaceAccess]),
        Value((.active, nil), fails: [.workspaceAccess]),
    ]
    static let targets: [Value<Membership.Status?>] = [
        Value(.active), Value(nil), Value(.suspended, fails: [.targetMembership]),
    ]
    static let counts: [Value<(exchanges: Int, limit: Int?)>] = [
        Value((9, nil)), Value((5, 5)), Value((6, 5), fails: [.rateLimit]),
    ]
    static let circumstances: [Value<(inNetworks: Bool, isReady: Bool)>] = [
        Value((true, true)),
        Value((true, false), fails: [.readiness]),
        Value((false, true), fails: [.callerNetwork]),
        Value((false, false), fails: [.callerNetwork, .readiness]),
    ]

    static let combinationsOfEachKey =
        tokens.count * requests.count * sessions.count * people.count * targets.count * counts.count
        * circumstances.count

    /// Calls `body` with each combination and the rules it fails, until it answers false.
    static func forEach(
        key: Value<APIKey?>,
        _ body: (_ facts: ExchangeFacts, _ failing: Set<ExchangeRule>) -> Bool
    ) {
        for token in tokens {
            for request in requests {
                for session in sessions {
                    for person in people {
                        for target in targets {
                            for count in counts {
                                for circumstance in circumstances {
                                    let facts = exchange(
                                        apiKey: key.fact,
                                        callerInNetworks: circumstance.fact.inNetworks,
                                        token: token.fact,
                                        request: request.fact,
                                        session: session.fact,
                                        user: person.fact.0,
                                        membership: person.fact.1,
                                        target: target.fact,
                                        exchanges: count.fact.exchanges,
                                        limit: count.fact.limit,
                                        isReady: circumstance.fact.isReady
                                    )
                                    var failing = key.fails.union(token.fails).union(request.fails)
                                        .union(person.fails).union(target.fails).union(count.fails)
                                        .union(circumstance.fails).union(session.fails)
                                    adjust(&failing, to: facts)
                                    guard body(facts, failing) else { return }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// What two facts together change.
    private static func adjust(_ failing: inout Set<ExchangeRule>, to facts: ExchangeFacts) {
        // A token of another workspace is answered as such: its session is not looked for here.
        if facts.token == .ofAnotherWorkspace { failing.remove(.userToken) }
        let admits = facts.target?.signupPolicy.admitsOnFirstAccess ?? false
        if facts.standing.target == nil, !admits { failing.insert(.targetMembership) }
    }
}
