import Domain

/// What an operator can do about an exchange that is refused.
enum ExchangeHint {
    /// The way out of a rule; with the facts it names which of several it is.
    static func of(_ rule: ExchangeRule, _ facts: ExchangeFacts?) -> String {
        switch rule {
        case .workspaceAPIKey:
            "The key is not a live workspace API key: make one (POST api-keys) and give it to the backend."
        case .callerNetwork:
            "The caller's address is outside the key's networks: widen them, or make a key for that network."
        case .userToken: userToken(facts)
        case .workspaceAccess: workspaceAccess(facts)
        case .request: "The body of the request names no target app: send {\"app_id\": \"…\"}."
        case .targetApp:
            "No active application has that id: register it, or set its status to active."
        case .keyScope:
            "The key's sourceApps or targetApps leave this way out: make a key whose limits have both apps."
        case .exchangePolicy: exchangePolicy(facts)
        case .lineage: "The session was exchanged eight times already: the user signs in anew."
        case .targetMembership: targetMembership(facts)
        case .rateLimit: "The workspace's exchangeLimit is reached: raise it, or wait for the next minute."
        case .readiness:
            "The workspace has no key that signs, or is suspended: see signing-keys and the key-rotator's status."
        }
    }

    private static func userToken(_ facts: ExchangeFacts?) -> String {
        guard let facts else {
            return "The token is missing, forged, over, or its session has ended: the user signs in anew."
        }
        guard facts.standing.source.session != nil else {
            return "The user has no session in the source application: they sign in there first."
        }
        return "The user's newest session in the source application has ended: they sign in there again."
    }

    private static func workspaceAccess(_ facts: ExchangeFacts?) -> String {
        guard let facts else { return "The user or the membership in the source application is not active." }
        if facts.source?.status != .active { return "The source application is not there, or is suspended." }
        if facts.standing.source.user != .active { return "The user is not there, or is disabled." }
        return "The user's membership in the source application is not active: activate it."
    }

    private static func exchangePolicy(_ facts: ExchangeFacts?) -> String {
        switch facts?.target?.exchangePolicy {
        case ConnectedApp.ExchangePolicy.none?:
            "The target's exchangePolicy is none: it takes no session from anywhere."
        default:
            "The target takes sessions within its SSO groups: put both applications into one, or change exchangePolicy."
        }
    }

    private static func targetMembership(_ facts: ExchangeFacts?) -> String {
        switch facts?.standing.target {
        case .pendingApproval: "The membership in the target application waits for approval: activate it."
        case .suspended, .disabled: "The membership in the target application is suspended: activate it."
        case .active, nil:
            "The user is no member of the target application, and its signupPolicy admits nobody by coming: add them."
        }
    }
}

/// What an operator can do about a sign-in that is not silent.
enum SharedSignInHint {
    /// The way out of a rule.
    static func of(_ rule: SharedSignInRule, _ facts: SharedSignInFacts) -> String {
        switch rule {
        case .session:
            facts.session == nil
                ? "The user has no session in the source application: they sign in there first."
                : "The user's newest session in the source application has ended: they sign in there again."
        case .user: "The user is not there, or is disabled."
        case .app: "No active application has that id: register it, or set its status to active."
        case .ssoGroup: "The applications share no SSO group: put both into one."
        case .membership:
            facts.membership == nil
                ? "The user is no member, and the application's signupPolicy admits nobody by coming: add them."
                : "The membership in the application is not active: activate it."
        }
    }
}
