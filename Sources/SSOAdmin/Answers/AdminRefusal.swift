import Chassis
import Domain
import HTTPTypes
import Postgres
import Storage

/// What the administration refuses: a closed set, each with its answer.
enum AdminRefusal: HTTPRefusal, Equatable {
    /// No admin token, or none that is good.
    case adminTokenRequired
    /// The token's role does not go so far.
    case roleInsufficient(AdminRole)
    /// A workspace's token names another workspace.
    case otherWorkspace
    /// A platform token names no workspace.
    case workspaceRequired
    /// The path is for platform tokens.
    case platformTokenRequired
    /// There is no such thing in the workspace.
    case notFound(String)
    /// A value in the body, the query or the path is not right.
    case invalid(field: String, String)
    /// There is one of that name, or the like.
    case conflict(field: String, String)
    /// Something hangs on it; `force=true` does it all the same.
    case inUse(String, [String: String])
    /// It is not as `If-Match` says.
    case preconditionFailed
    /// The Idempotency-Key was used for another request.
    case idempotencyKeyReused
    /// The last owner's token may not go.
    case lastOwner

    var status: HTTPResponse.Status {
        switch self {
        case .adminTokenRequired: .unauthorized
        case .roleInsufficient, .otherWorkspace, .platformTokenRequired: .forbidden
        case .workspaceRequired: .badRequest
        case .notFound: .notFound
        case .invalid, .idempotencyKeyReused: .unprocessableContent
        case .conflict, .inUse, .lastOwner: .conflict
        case .preconditionFailed: .preconditionFailed
        }
    }

    var code: String {
        switch self {
        case .adminTokenRequired: "admin_token_required"
        case .roleInsufficient: "role_insufficient"
        case .otherWorkspace: "workspace_access_denied"
        case .workspaceRequired: "workspace_required"
        case .platformTokenRequired: "platform_token_required"
        case .notFound: "not_found"
        case .invalid: "invalid_request"
        case .conflict: "conflict"
        case .inUse: "in_use"
        case .preconditionFailed: "precondition_failed"
        case .idempotencyKeyReused: "idempotency_key_reused"
        case .lastOwner: "last_owner"
        }
    }

    var message: String {
        switch self {
        case .adminTokenRequired: "A live admin token is required: Authorization: Bearer bwadm_…"
        case .roleInsufficient(let role): "The token's role, \(role.rawValue), does not allow this."
        case .otherWorkspace: "The token is of another workspace than the one that is named."
        case .workspaceRequired: "A platform token names the workspace in X-Workspace, by id or slug."
        case .platformTokenRequired: "This takes a platform token."
        case .notFound(let thing): "There is no such \(thing)."
        case .invalid(_, let message), .conflict(_, let message): message
        case .inUse(let message, _): message
        case .preconditionFailed: "It was changed since: it no longer is what If-Match names."
        case .idempotencyKeyReused: "The Idempotency-Key was used for another request."
        case .lastOwner: "The last live token of role owner cannot be revoked or demoted."
        }
    }

    var details: [String: String] {
        switch self {
        case .invalid(let field, _), .conflict(let field, _): ["field": field]
        case .inUse(_, let held): held
        default: [:]
        }
    }

    var headers: HTTPFields {
        self == .adminTokenRequired ? [.wwwAuthenticate: "Bearer"] : [:]
    }
}

extension AdminRefusal {
    /// What the database's refusal means to whoever asked, if it is theirs; nothing of the row is quoted.
    init?(_ error: any Error) {
        guard let error = error as? PostgresError, case .server(let refusal) = error else { return nil }
        let constraint = refusal.constraint ?? ""
        let field = Self.fields[constraint] ?? Self.field(of: constraint)
        switch refusal.sqlState {
        case .uniqueViolation: self = .conflict(field: field, "There is one with the same \(field) already.")
        case .foreignKeyViolation:
            self = .invalid(field: field, "\(field) names something that does not exist.")
        case .checkViolation: self = .invalid(field: field, "\(field) is out of its range.")
        default: return nil
        }
    }

    /// Constraints whose name does not end in the column.
    private static let fields = [
        "apps_pkey": "id", "apps_client_id": "clientId", "apps_audience": "audience", "apps_id_form": "id",
        "apps_generated_id": "id", "app_origins_pkey": "origins", "app_origins_length": "origins",
        "app_redirect_uris_length": "redirectUris", "sso_group_apps_group": "ssoGroups",
        "sso_group_apps_app": "appId", "sso_groups_pkey": "id", "sso_groups_id_form": "id",
        "users_pkey": "id", "users_email": "email", "workspaces_slug": "slug", "workspaces_slug_form": "slug",
        "workspaces_issuer": "issuer", "workspaces_auth_host": "authHost",
        "workspaces_auth_host_form": "authHost", "workspaces_cookie_domain_form": "cookieDomain",
        "workspaces_rotation_order": "rotationLead", "memberships_app": "appId", "memberships_user": "userId",
        "memberships_pkey": "userId", "api_keys_app": "appId",
        "key_requests_key": "kid",
    ]

    /// `apps_access_expiration` → `accessExpiration`.
    private static func field(of constraint: String) -> String {
        let tables = ["sso_groups_", "admin_tokens_", "api_keys_", "platform_admin_tokens_"]
        let rest: Substring
        if let table = tables.first(where: { constraint.utf8.starts(with: $0.utf8) }) {
            rest = constraint.dropFirst(table.utf8.count)
        } else {
            rest = constraint.drop { $0 != "_" }.dropFirst()
        }
        var words = rest.split(separator: "_").map { String($0) }
        if let last = words.last, ["length", "form"].contains(last) { words.removeLast() }
        let tail = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return (words.first ?? "request") + tail.joined()
    }
}
