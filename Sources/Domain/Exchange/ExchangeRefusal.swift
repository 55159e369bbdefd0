/// Why a session of one app does not become a session of another.
///
/// One case for each answer. What the client reads is made from it in one switch; what is logged beside it is the
/// trace of rules.
package enum ExchangeRefusal: Hashable, Sendable {
    /// No live workspace API key of this workspace.
    case workspaceAPIKeyRequired
    /// The key is not for this caller's address, this source or this target.
    case apiKeyScopeDenied
    /// The user token is missing, not ours, not an access token, over, or its session has ended.
    case invalidAccessToken
    /// The token is of another workspace, or its user is not active in it or in the source app.
    case workspaceAccessDenied
    /// The body is not well formed; the field says where.
    case invalidRequest(field: String)
    /// No active app of the workspace has that id.
    case appNotInWorkspace
    /// The target app does not take sessions from the source app.
    case ssoGroupMismatch
    /// The session was exchanged too many times already.
    case lineageTooDeep
    /// The user may not enter the target app.
    case appAccessDenied
    /// The workspace's limit is reached; seconds until it is worth trying again.
    case rateLimited(retryAfter: Int)
    /// No usable signing key, or the view of the configuration is too old to decide on.
    case temporarilyUnavailable
}

extension ExchangeRefusal {
    /// The code that the client reads.
    package var code: String {
        switch self {
        case .workspaceAPIKeyRequired: "workspace_api_key_required"
        case .apiKeyScopeDenied: "api_key_scope_denied"
        case .invalidAccessToken: "invalid_access_token"
        case .workspaceAccessDenied: "workspace_access_denied"
        case .invalidRequest: "invalid_request"
        case .appNotInWorkspace: "app_not_in_workspace"
        case .ssoGroupMismatch: "sso_group_mismatch"
        case .lineageTooDeep: "lineage_too_deep"
        case .appAccessDenied: "app_access_denied"
        case .rateLimited: "rate_limited"
        case .temporarilyUnavailable: "temporarily_unavailable"
        }
    }
}

/// The rules of an exchange, in the order they are asked.
package enum ExchangeRule: String, CaseIterable, Hashable, Sendable {
    case workspaceAPIKey = "workspace_api_key"
    case callerNetwork = "caller_network"
    case userToken = "user_token"
    case workspaceAccess = "workspace_access"
    case request
    case targetApp = "target_app"
    case keyScope = "key_scope"
    case exchangePolicy = "exchange_policy"
    case lineage
    case targetMembership = "target_membership"
    case rateLimit = "rate_limit"
    case readiness
}
