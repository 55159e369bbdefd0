import Domain
import FoundationEssentials

/// An exchange that every rule allows; each argument changes one fact.
func exchange(
    apiKey key: APIKey? = apiKey(),
    callerInNetworks: Bool = true,
    token: ExchangeFacts.Token = .genuine(source: app("source")),
    request: ExchangeFacts.Request = .target(app("target")),
    session source: Session? = session(),
    user: User.Status? = .active,
    membership: Membership.Status? = .active,
    target: Membership.Status? = .active,
    exchanges: Int = 0,
    limit: Int? = nil,
    secondsLeft: Int = 17,
    isReady: Bool = true
) -> ExchangeFacts {
    ExchangeFacts(
        apiKey: key,
        callerInNetworks: callerInNetworks,
        token: token,
        request: request,
        standing: ExchangeFacts.Standing(
            source: AccessFacts(session: source, user: user, membership: membership),
            target: target,
            exchangesThisMinute: exchanges
        ),
        limits: WorkspaceLimits(exchangesPerMinute: limit),
        secondsLeftInMinute: secondsLeft,
        isReady: isReady,
        now: now
    )
}

/// The rules in the order the contract lists them.
let contractOrder: [ExchangeRule] = [
    .workspaceAPIKey, .callerNetwork, .userToken, .workspaceAccess, .request, .targetApp, .keyScope,
    .exchangePolicy, .lineage, .targetMembership, .rateLimit, .readiness,
]

/// The rules that ask what only the database knows at the instant of the attempt.
let rulesOnStanding: Set<ExchangeRule> = [
    .userToken, .workspaceAccess, .lineage, .targetMembership, .rateLimit,
]

/// What an exchange that passes every rule before `rule`, and not that one, leaves as a trace.
func trace(endingAt rule: ExchangeRule) -> [Asked] {
    contractOrder.prefix { $0 != rule }.map { Asked(rule: $0, passed: true) }
        + [Asked(rule: rule, passed: false)]
}

/// A rule that was asked and what it said.
struct Asked: Hashable {
    let rule: ExchangeRule
    let passed: Bool
}

extension ExchangePolicy.Decision {
    var asked: [Asked] {
        trace.map { Asked(rule: $0.rule, passed: $0.passed) }
    }
}
