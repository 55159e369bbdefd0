import Domain
import FoundationEssentials
import Testing

@Suite struct `An exchange` {
    @Test func `is allowed when every rule allows it, and says so of each`() {
        let decision = ExchangePolicy.decide(exchange())
        #expect(decision.refusal == nil)
        #expect(decision.failedRule == nil)
        #expect(decision.asked == contractOrder.map { Asked(rule: $0, passed: true) })
        #expect(ExchangePolicy.isWorthRecording(exchange()))
    }

    @Test func `asks its rules in the order of the contract`() {
        #expect(ExchangeRule.allCases == contractOrder)
        #expect(
            contractOrder.map(\.rawValue) == [
                "workspace_api_key", "caller_network", "user_token", "workspace_access", "request",
                "target_app", "key_scope", "exchange_policy", "lineage", "target_membership", "rate_limit",
                "readiness",
            ]
        )
    }

    @Test(arguments: Failure.table)
    fileprivate func `that one rule refuses names that rule, its answer and all that passed before`(
        _ failure: Failure
    ) {
        let decision = ExchangePolicy.decide(failure.facts)
        #expect(decision.refusal == failure.refusal)
        #expect(decision.failedRule == failure.rule)
        #expect(decision.asked == trace(endingAt: failure.rule))
    }

    @Test func `has a refusal in the table for every rule`() {
        #expect(Set(Failure.table.map(\.rule)) == Set(ExchangeRule.allCases))
    }

    @Test(
        arguments: [
            ("a key that expires later", exchange(apiKey: apiKey(expiresAt: after(0.001)))),
            ("a key for this source", exchange(apiKey: apiKey(sourceApps: ["source", "other"]))),
            ("a key for this target", exchange(apiKey: apiKey(targetApps: ["target"]))),
            (
                "a target that takes its group, shared",
                exchange(
                    token: .genuine(source: app("source", groups: ["a", "b"])),
                    request: .target(app("target", exchangePolicy: .ssoGroup, groups: ["b", "c"]))
                )
            ),
            (
                "an isolated app into itself",
                exchange(
                    token: .genuine(source: app("target")),
                    request: .target(app("target", exchangePolicy: .ssoGroup))
                )
            ),
            ("a session exchanged seven times", exchange(session: session(depth: 7))),
            ("no membership in an open app", exchange(target: nil)),
            (
                "no membership in an app that makes one",
                exchange(request: .target(app("target", signupPolicy: .autoOnFirstAccess)), target: nil)
            ),
            (
                "a member of an app by invitation",
                exchange(request: .target(app("target", signupPolicy: .inviteOnly)))
            ),
            (
                "a member of an app by approval",
                exchange(request: .target(app("target", signupPolicy: .adminApproval)))
            ),
            ("the last exchange of the limit", exchange(exchanges: 5, limit: 5)),
            ("any number without a limit", exchange(exchanges: 1_000_000)),
            (
                "a session a moment before its end",
                exchange(session: session(lastUsedAt: before(599.999), expiresAt: after(0.001)))
            ),
        ]
    )
    func `is allowed at the very edge of what is allowed`(_ what: String, _ facts: ExchangeFacts) {
        #expect(ExchangePolicy.decide(facts).refusal == nil, "\(what)")
        #expect(ExchangePolicy.isWorthRecording(facts), "\(what)")
    }

    @Test(arguments: [(1, 1), (60, 60), (0, 1), (-3, 1)])
    func `over the limit says when the minute ends, at least a second from now`(_ left: Int, _ after: Int) {
        let decision = ExchangePolicy.decide(exchange(exchanges: 2, limit: 1, secondsLeft: left))
        #expect(decision.refusal == .rateLimited(retryAfter: after))
    }

    @Test func `of a token of another workspace is refused for that, not for its unknown session`() {
        let facts = exchange(token: .ofAnotherWorkspace, session: nil, user: nil, membership: nil)
        #expect(ExchangePolicy.decide(facts).refusal == .workspaceAccessDenied)
    }
}

/// Facts that one rule, and none before it, refuses.
private struct Failure: CustomTestStringConvertible, Sendable {
    let what: String
    let rule: ExchangeRule
    let refusal: ExchangeRefusal
    let facts: ExchangeFacts

    var testDescription: String {
        what
    }

    init(_ what: String, _ rule: ExchangeRule, _ refusal: ExchangeRefusal, _ facts: ExchangeFacts) {
        self.what = what
        self.rule = rule
        self.refusal = refusal
        self.facts = facts
    }

    static let table = credentials + people + apps + circumstances

    private static let credentials = [
        Failure("no key", .workspaceAPIKey, .workspaceAPIKeyRequired, exchange(apiKey: nil)),
        Failure(
            "an app's key",
            .workspaceAPIKey,
            .workspaceAPIKeyRequired,
            exchange(apiKey: apiKey(kind: .app))
        ),
        Failure(
            "a revoked key",
            .workspaceAPIKey,
            .workspaceAPIKeyRequired,
            exchange(apiKey: apiKey(revokedAt: before(1)))
        ),
        Failure(
            "a key that expires now",
            .workspaceAPIKey,
            .workspaceAPIKeyRequired,
            exchange(apiKey: apiKey(expiresAt: now))
        ),
        Failure("a foreign network", .callerNetwork, .apiKeyScopeDenied, exchange(callerInNetworks: false)),
        Failure("an invalid token", .userToken, .invalidAccessToken, exchange(token: .invalid)),
        Failure("an unknown session", .userToken, .invalidAccessToken, exchange(session: nil)),
        Failure(
            "a revoked session",
            .userToken,
            .invalidAccessToken,
            exchange(session: session(revokedAt: before(1)))
        ),
        Failure(
            "a session that ended above",
            .userToken,
            .invalidAccessToken,
            exchange(session: session(endedAbove: true))
        ),
        Failure(
            "a session that ends now",
            .userToken,
            .invalidAccessToken,
            exchange(session: session(expiresAt: now))
        ),
        Failure(
            "an idle session",
            .userToken,
            .invalidAccessToken,
            exchange(session: session(lastUsedAt: before(600)))
        ),
    ]

    private static let people = [
        Failure(
            "another workspace",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(token: .ofAnotherWorkspace)
        ),
        Failure(
            "no source app",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(token: .genuine(source: nil))
        ),
        Failure(
            "a suspended source app",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(token: .genuine(source: app("source", status: .suspended)))
        ),
        Failure("no user", .workspaceAccess, .workspaceAccessDenied, exchange(user: nil)),
        Failure("a disabled user", .workspaceAccess, .workspaceAccessDenied, exchange(user: .disabled)),
        Failure("no membership", .workspaceAccess, .workspaceAccessDenied, exchange(membership: nil)),
        Failure(
            "a pending member",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(membership: .pendingApproval)
        ),
        Failure(
            "a suspended member",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(membership: .suspended)
        ),
        Failure(
            "a disabled member",
            .workspaceAccess,
            .workspaceAccessDenied,
            exchange(membership: .disabled)
        ),
        Failure(
            "pending in the target",
            .targetMembership,
            .appAccessDenied,
            exchange(target: .pendingApproval)
        ),
        Failure("suspended in the target", .targetMembership, .appAccessDenied, exchange(target: .suspended)),
        Failure("disabled in the target", .targetMembership, .appAccessDenied, exchange(target: .disabled)),
        Failure(
            "not invited",
            .targetMembership,
            .appAccessDenied,
            exchange(request: .target(app("target", signupPolicy: .inviteOnly)), target: nil)
        ),
        Failure(
            "not approved",
            .targetMembership,
            .appAccessDenied,
            exchange(request: .target(app("target", signupPolicy: .adminApproval)), target: nil)
        ),
    ]

    private static let apps = [
        Failure(
            "a malformed request",
            .request,
            .invalidRequest(field: "app_id"),
            exchange(request: .malformed(field: "app_id"))
        ),
        Failure("no such app", .targetApp, .appNotInWorkspace, exchange(request: .target(nil))),
        Failure(
            "a suspended app",
            .targetApp,
            .appNotInWorkspace,
            exchange(request: .target(app("target", status: .suspended)))
        ),
        Failure(
            "another source than the key's",
            .keyScope,
            .apiKeyScopeDenied,
            exchange(apiKey: apiKey(sourceApps: ["target"]))
        ),
        Failure(
            "another target than the key's",
            .keyScope,
            .apiKeyScopeDenied,
            exchange(apiKey: apiKey(targetApps: ["source"]))
        ),
        Failure(
            "a key for no source",
            .keyScope,
            .apiKeyScopeDenied,
            exchange(apiKey: apiKey(sourceApps: []))
        ),
        Failure(
            "a key for no target",
            .keyScope,
            .apiKeyScopeDenied,
            exchange(apiKey: apiKey(targetApps: []))
        ),
        Failure(
            "a target that takes no session",
            .exchangePolicy,
            .ssoGroupMismatch,
            exchange(
                token: .genuine(source: app("source", groups: ["a"])),
                request: .target(app("target", exchangePolicy: .none, groups: ["a"]))
            )
        ),
        Failure(
            "a target of another group",
            .exchangePolicy,
            .ssoGroupMismatch,
            exchange(
                token: .genuine(source: app("source", groups: ["a"])),
                request: .target(app("target", exchangePolicy: .ssoGroup, groups: ["b"]))
            )
        ),
        Failure(
            "two apps in no group",
            .exchangePolicy,
            .ssoGroupMismatch,
            exchange(request: .target(app("target", exchangePolicy: .ssoGroup)))
        ),
    ]

    private static let circumstances = [
        Failure("a ninth exchange", .lineage, .lineageTooDeep, exchange(session: session(depth: 8))),
        Failure(
            "one over the limit",
            .rateLimit,
            .rateLimited(retryAfter: 17),
            exchange(exchanges: 6, limit: 5)
        ),
        Failure("not ready", .readiness, .temporarilyUnavailable, exchange(isReady: false)),
    ]
}
