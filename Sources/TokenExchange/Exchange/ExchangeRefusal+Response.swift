import Chassis
import Domain
import HTTPTypes

/// A refusal on its way to the client, with the rule that failed for the log.
struct ExchangeAnswer: HTTPRefusal {
    let refusal: ExchangeRefusal
    let failedRule: ExchangeRule?

    var status: HTTPResponse.Status { refusal.answer.status }
    var code: String { refusal.code }
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
    fileprivate var answer: (status: HTTPResponse.Status, message: String) {
        switch self {
        case .workspaceAPIKeyRequired:
            (.unauthorized, "A live API key of this workspace is required.")
        case .apiKeyScopeDenied:
            (.forbidden, "The API key may not be used from here or for these apps.")
        case .invalidAccessToken:
            (.unauthorized, "The user's access token is missing, invalid or over.")
        case .workspaceAccessDenied:
            (
                .forbidden, "The user is not an active member of this workspace's app."
            )
        case .invalidRequest(let field):
            (.unprocessableContent, "The request is not well formed: \(field).")
        case .appNotInWorkspace:
            (.notFound, "The workspace has no active app of that id.")
        case .ssoGroupMismatch:
            (.forbidden, "The target app does not take sessions from this app.")
        case .lineageTooDeep:
            (.forbidden, "The session was exchanged too many times; sign in again.")
        case .appAccessDenied:
            (.forbidden, "The user may not enter the target app.")
        case .rateLimited:
            (.tooManyRequests, "The workspace's limit is reached; try again later.")
        case .temporarilyUnavailable:
            (
                .serviceUnavailable, "The service cannot answer at the moment; try again."
            )
        }
    }
}
