import Chassis
import Domain
import HTTPTypes

/// A refusal on its way to the client, with the rule that failed for the log.
struct ExchangeAnswer: HTTPRefusal {
    let refusal: ExchangeRefusal
    let failedRule: ExchangeRule?

    var status: HTTPResponse.Status { refusal.answer.status }
    var code: String { refusal.answer.code }
    var message: String { refusal.answer.message }
    var logged: String { failedRule.map { "\(code) (\($0.rawValue))" } ?? code }

    var details: [String: String] {
        if case .invalidRequest(let field) = refusal { ["field": field] } else { [:] }
    }

    var retryAfter: Duration? {
        switch refusal {
        case .rateLimited(let seconds): .seconds(seconds)
        case .temporarilyUnavailable: .seconds(1)
        default: nil
        }
    }

    var headers: HTTPFields {
        switch refusal {
        case .workspaceAPIKeyRequired, .invalidAccessToken:
            [.wwwAuthenticate: #"Bearer error="invalid_token""#]
        default: [:]
        }
    }
}

extension ExchangeRefusal {
    /// What the client reads.
    ///
    /// One answer for each refusal: a new one does not compile until it has an answer.
    fileprivate var answer: (status: HTTPResponse.Status, code: String, message: String) {
        switch self {
        case .workspaceAPIKeyRequired:
            (.unauthorized, "workspace_api_key_required", "A live API key of this workspace is required.")
        case .apiKeyScopeDenied:
            (.forbidden, "api_key_scope_denied", "The API key may not be used from here or for these apps.")
        case .invalidAccessToken:
            (.unauthorized, "invalid_access_token", "The user's access token is missing, invalid or over.")
        case .workspaceAccessDenied:
            (
                .forbidden, "workspace_access_denied",
                "The user is not an active member of this workspace's app."
            )
        case .invalidRequest(let field):
            (.unprocessableContent, "invalid_request", "The request is not well formed: \(field).")
        case .appNotInWorkspace:
            (.notFound, "app_not_in_workspace", "The workspace has no active app of that id.")
        case .ssoGroupMismatch:
            (.forbidden, "sso_group_mismatch", "The target app does not take sessions from this app.")
        case .lineageTooDeep:
            (.forbidden, "lineage_too_deep", "The session was exchanged too many times; sign in again.")
        case .appAccessDenied:
            (.forbidden, "app_access_denied", "The user may not enter the target app.")
        case .rateLimited:
            (.tooManyRequests, "rate_limited", "The workspace's limit is reached; try again later.")
        case .temporarilyUnavailable:
            (
                .serviceUnavailable, "temporarily_unavailable",
                "The service cannot answer at the moment; try again."
            )
        }
    }
}
