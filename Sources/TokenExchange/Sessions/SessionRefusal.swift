import Chassis
import HTTPTypes

/// Why an app's request about a session is refused.
enum SessionRefusal: HTTPRefusal {
    /// The access token is not a live one of this app.
    case invalidAccessToken
    /// The refresh token is not a live one of this app.
    case invalidRefreshToken
    /// The refresh token was used before; its session and all of its tree have ended.
    case refreshTokenReused
    /// A CSRF token was sent and is not the session's.
    case invalidCSRFToken
    /// The path names no active app.
    case appNotFound
    /// The path names no workspace.
    case workspaceNotFound
    /// The caller has no such session.
    case sessionNotFound

    var status: HTTPResponse.Status {
        switch self {
        case .invalidAccessToken, .invalidRefreshToken, .refreshTokenReused, .invalidCSRFToken: .unauthorized
        case .appNotFound, .workspaceNotFound, .sessionNotFound: .notFound
        }
    }

    var code: String {
        switch self {
        case .invalidAccessToken: "invalid_access_token"
        // Whoever holds a stolen token is not told that it was noticed.
        case .invalidRefreshToken, .refreshTokenReused: "invalid_refresh_token"
        case .invalidCSRFToken: "invalid_csrf_token"
        case .appNotFound: "app_not_found"
        case .workspaceNotFound: "workspace_not_found"
        case .sessionNotFound: "session_not_found"
        }
    }

    var message: String {
        switch self {
        case .invalidAccessToken: "The access token is missing, invalid or over."
        case .invalidRefreshToken, .refreshTokenReused: "The refresh token is missing, invalid or over."
        case .invalidCSRFToken: "The CSRF token is not the session's."
        case .appNotFound: "There is no active app of that id here."
        case .workspaceNotFound: "There is no workspace of that name here."
        case .sessionNotFound: "The user has no such session."
        }
    }

    var headers: HTTPFields {
        status == .unauthorized ? [.wwwAuthenticate: #"Bearer error="invalid_token""#] : [:]
    }

    var logged: String {
        self == .refreshTokenReused ? "refresh_token_reused" : code
    }
}
