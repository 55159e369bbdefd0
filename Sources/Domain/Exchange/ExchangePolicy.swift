/// The main decision: may this user's session in one app become a session in the next.
///
/// A pure function of facts. The live path, dry runs and explanations all call it, so they cannot disagree.
package enum ExchangePolicy {
    /// The outcome of one rule.
    package struct Step: Hashable, Sendable {
        /// The rule that was asked.
        package let rule: ExchangeRule
        /// Whether it let the exchange through.
        package let passed: Bool
    }

    /// The verdict, and every rule that was asked up to the first that failed.
    package struct Decision: Hashable, Sendable {
        /// None when the exchange is allowed.
        package let refusal: ExchangeRefusal?
        /// The rules that were asked, in order.
        package let trace: [Step]

        /// The rule that failed.
        package var failedRule: ExchangeRule? {
            refusal == nil ? nil : trace.last?.rule
        }
    }

    /// Asks the rules in order and stops at the first that fails.
    package static func decide(_ facts: ExchangeFacts) -> Decision {
        var trace: [Step] = []
        trace.reserveCapacity(ExchangeRule.allCases.count)
        for rule in ExchangeRule.allCases {
            let refusal = refusal(of: rule, on: facts)
            trace.append(Step(rule: rule, passed: refusal == nil))
            if let refusal { return Decision(refusal: refusal, trace: trace) }
        }
        return Decision(refusal: nil, trace: trace)
    }

    /// Whether everything that does not depend on the database allows the exchange, so that it is worth recording.
    ///
    /// The rules on the standing of people and sessions are left to the statement that records: it asks them again,
    /// at the instant it writes. That statement does not look at apps, so the source app's own state is asked here.
    package static func isWorthRecording(_ facts: ExchangeFacts) -> Bool {
        facts.source?.status == .active
            && ExchangeRule.allCases.filter { !$0.dependsOnStanding }.allSatisfy {
                refusal(of: $0, on: facts) == nil
            }
    }

    private static func refusal(of rule: ExchangeRule, on facts: ExchangeFacts) -> ExchangeRefusal? {
        switch rule {
        case .workspaceAPIKey:
            guard let key = facts.apiKey, key.kind == .workspace, key.isLive(at: facts.now) else {
                return .workspaceAPIKeyRequired
            }
            return nil
        case .callerNetwork:
            return facts.callerInNetworks ? nil : .apiKeyScopeDenied
        case .userToken:
            return userToken(facts)
        case .workspaceAccess:
            return workspaceAccess(facts)
        case .request:
            guard case .malformed(let field) = facts.request else { return nil }
            return .invalidRequest(field: field)
        case .targetApp:
            return facts.target?.status == .active ? nil : .appNotInWorkspace
        case .keyScope:
            return keyScope(facts)
        case .exchangePolicy:
            return exchangePolicy(facts)
        case .lineage:
            let depth = facts.standing.source.session?.ancestors.count ?? 0
            return depth < Session.maximumDepth ? nil : .lineageTooDeep
        case .targetMembership:
            return targetMembership(facts)
        case .rateLimit:
            guard let limit = facts.limits.exchangesPerMinute else { return nil }
            guard facts.standing.exchangesThisMinute > limit else { return nil }
            return .rateLimited(retryAfter: max(1, facts.secondsLeftInMinute))
        case .readiness:
            return facts.isReady ? nil : .temporarilyUnavailable
        }
    }

    private static func userToken(_ facts: ExchangeFacts) -> ExchangeRefusal? {
        switch facts.token {
        case .invalid: return .invalidAccessToken
        case .ofAnotherWorkspace: return nil
        case .genuine:
            guard let session = facts.standing.source.session, session.isLive(at: facts.now) else {
                return .invalidAccessToken
            }
            return nil
        }
    }

    private static func workspaceAccess(_ facts: ExchangeFacts) -> ExchangeRefusal? {
        guard let source = facts.source, source.status == .active else { return .workspaceAccessDenied }
        let standing = facts.standing.source
        return standing.user == .active && standing.membership == .active ? nil : .workspaceAccessDenied
    }

    private static func keyScope(_ facts: ExchangeFacts) -> ExchangeRefusal? {
        guard let key = facts.apiKey, let source = facts.source, let target = facts.target else {
            return .apiKeyScopeDenied
        }
        let sourceAllowed = key.sourceApps?.contains(source.id) ?? true
        let targetAllowed = key.targetApps?.contains(target.id) ?? true
        return sourceAllowed && targetAllowed ? nil : .apiKeyScopeDenied
    }

    private static func exchangePolicy(_ facts: ExchangeFacts) -> ExchangeRefusal? {
        guard let source = facts.source, let target = facts.target else { return .ssoGroupMismatch }
        switch target.exchangePolicy {
        case .workspace: return nil
        case .ssoGroup: return source.sharesSignIn(with: target) ? nil : .ssoGroupMismatch
        case .none: return .ssoGroupMismatch
        }
    }

    private static func targetMembership(_ facts: ExchangeFacts) -> ExchangeRefusal? {
        switch facts.standing.target {
        case .active: nil
        case .pendingApproval, .suspended, .disabled: .appAccessDenied
        case nil: facts.target?.signupPolicy.admitsOnFirstAccess == true ? nil : .appAccessDenied
        }
    }
}

extension ExchangeRule {
    /// Whether the rule asks what only the database knows at the instant of the attempt.
    fileprivate var dependsOnStanding: Bool {
        switch self {
        case .userToken, .workspaceAccess, .lineage, .targetMembership, .rateLimit: true
        case .workspaceAPIKey, .callerNetwork, .request, .targetApp, .keyScope, .exchangePolicy, .readiness:
            false
        }
    }
}
