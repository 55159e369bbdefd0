import Chassis
import HTTPTypes

/// Why a browser's request is refused, in the words better-auth's clients know.
enum BrowserRefusal: HTTPRefusal {
    case badRequest
    case validation(field: String)
    case unsupportedMediaType
    case invalidEmail
    case passwordTooShort
    case passwordTooLong
    case invalidEmailOrPassword
    case userAlreadyExists
    case unauthorized
    case missingOrNullOrigin
    case invalidOrigin
    case userSuspended
    case userDisabled
    case userPendingApproval
    case signUpClosed
    case appIdentityRequired
    case rateLimited(retryAfter: Int)

    var status: HTTPResponse.Status { answer.status }
    var code: String { answer.code }
    var message: String { answer.message }

    var retryAfter: Duration? {
        if case .rateLimited(let seconds) = self { .seconds(seconds) } else { nil }
    }

    var headers: HTTPFields {
        guard case .rateLimited(let seconds) = self else { return [:] }
        return [HTTPField.Name.known("X-Retry-After"): "\(seconds)"]
    }

    private var answer: (status: HTTPResponse.Status, code: String, message: String) {
        switch self {
        case .badRequest: (.badRequest, "bad_request", "The body is not well-formed JSON.")
        case .validation(let field):
            (.badRequest, "validation_error", "[body.\(field)] is missing or of the wrong type.")
        case .unsupportedMediaType: (.unsupportedMediaType, "unsupported_media_type", "Send JSON or a form.")
        case .invalidEmail: (.badRequest, "invalid_email", "Invalid email")
        case .passwordTooShort: (.badRequest, "password_too_short", "Password too short")
        case .passwordTooLong: (.badRequest, "password_too_long", "Password too long")
        case .invalidEmailOrPassword:
            (.unauthorized, "invalid_email_or_password", "Invalid email or password")
        case .userAlreadyExists:
            (
                .unprocessableContent, "user_already_exists_use_another_email",
                "User already exists. Use another email."
            )
        case .unauthorized: (.unauthorized, "unauthorized", "Unauthorized")
        case .missingOrNullOrigin: (.forbidden, "missing_or_null_origin", "Missing or null Origin")
        case .invalidOrigin: (.forbidden, "invalid_origin", "Invalid origin")
        case .userSuspended: (.forbidden, "user_suspended", "The user is suspended in this app.")
        case .userDisabled: (.forbidden, "user_disabled", "The user is disabled.")
        case .userPendingApproval:
            (.forbidden, "user_pending_approval", "The user awaits approval in this app.")
        case .signUpClosed: (.forbidden, "sign_up_closed", "The app takes no new users by sign-up.")
        case .appIdentityRequired:
            (.forbidden, "app_identity_required", "The request names no app by its Origin.")
        case .rateLimited: (.tooManyRequests, "rate_limited", "Too many requests. Please try again later.")
        }
    }
}
