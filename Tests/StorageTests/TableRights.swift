import Storage

/// What a role may do with whole tables: Select, Insert, Update, Delete.
let rights: [String: [ServiceRole: String]] = [
    "admin_tokens": [.ssoAdmin: "SIUD"],
    "api_key_uses": [.tokenExchange: "SIU", .ssoAdmin: "S"],
    "api_keys": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "app_origins": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "app_redirect_uris": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "apps": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "audit_heads": [.ssoAdmin: "S"],
    "audit_log": [.tokenExchange: "I", .ssoAdmin: "SI", .keyRotator: "I"],
    "changes": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "exchange_refusals": [.tokenExchange: "I", .ssoAdmin: "S"],
    "idempotent_answers": [.ssoAdmin: "SI"],
    "jwks_fetches": [.tokenExchange: "SIU", .ssoAdmin: "S"],
    "key_requests": [.ssoAdmin: "S", .keyRotator: "S"],
    "key_schedule": [.keyRotator: "SIU"],
    "memberships": [.tokenExchange: "SIU", .ssoAdmin: "SIUD"],
    "node_epochs": [.tokenExchange: "SIUD", .ssoAdmin: "SIUD", .keyRotator: "SIUD"],
    "nodes": [.tokenExchange: "SIUD", .ssoAdmin: "SIUD", .keyRotator: "SIUD"],
    "platform_admin_tokens": [.ssoAdmin: "SIUD"],
    "rate_windows": [.tokenExchange: "SIUD", .ssoAdmin: "S"],
    "schema_migrations": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "session_partition_ends": [.keyRotator: "S"],
    "sessions": [.tokenExchange: "SIU"],
    "signing_keys": [.tokenExchange: "S", .keyRotator: "SIU"],
    "sso_group_apps": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "sso_groups": [.tokenExchange: "S", .ssoAdmin: "SIUD"],
    "users": [.tokenExchange: "SIU", .ssoAdmin: "SIUD"],
    "workspace_epochs": [.tokenExchange: "S", .ssoAdmin: "S", .keyRotator: "S"],
    "workspace_secrets": [.tokenExchange: "S", .keyRotator: "SIU"],
    "workspaces": [.tokenExchange: "S", .ssoAdmin: "SIUD", .keyRotator: "S"],
]

/// Coordination: ids, numbers and instants that every service, or the worker, follows over all workspaces.
let sharedTables: [String: Set<ServiceRole>] = [
    "workspace_epochs": Set(ServiceRole.allCases), "changes": Set(ServiceRole.allCases),
    "node_epochs": Set(ServiceRole.allCases), "key_schedule": [.keyRotator],
]
