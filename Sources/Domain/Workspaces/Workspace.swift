package import FoundationEssentials

/// The tenant: owner of apps, SSO groups, users, keys and sessions.
///
/// Nothing crosses it.
package struct Workspace: Hashable, Sendable {
    /// The identity of a workspace; outside it reads `ws_` and 32 hexadecimal digits.
    package typealias ID = Identifier<Workspace, UUID>

    /// Whether the workspace is served.
    package enum Status: String, Sendable {
        case active
        case suspended
    }

    /// The identity.
    package let id: ID
    /// Unique name in paths: lower-case letters, digits and hyphens, at most 63.
    package let slug: String
    /// The `iss` of every token, stored so that a moved service keeps its tokens.
    package let issuer: String
    /// Whether it is served, or may sign in.
    package let status: Status
    /// A host of the workspace's own for sign-in, such as `auth.example.com`.
    package let authHost: String?
    /// The parent domain that sign-in cookies are shared under; none means host-only cookies.
    package let cookieDomain: String?
    /// Whether a browser route refuses a caller that names no app.
    package let requireAppIdentity: Bool
    /// The workspace's limits.
    package let limits: WorkspaceLimits

    package init(
        id: ID,
        slug: String,
        issuer: String,
        status: Status = .active,
        authHost: String? = nil,
        cookieDomain: String? = nil,
        requireAppIdentity: Bool = false,
        limits: WorkspaceLimits = WorkspaceLimits()
    ) {
        self.id = id
        self.slug = slug
        self.issuer = issuer
        self.status = status
        self.authHost = authHost
        self.cookieDomain = cookieDomain
        self.requireAppIdentity = requireAppIdentity
        self.limits = limits
    }

    /// Whether `slug` may name a workspace: `[a-z0-9]`, then up to 62 of `[a-z0-9-]`.
    package static func isSlug(_ slug: String) -> Bool {
        let bytes = Array(slug.utf8)
        let plain = bytes.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
        }
        return (1...63).contains(bytes.count) && plain && bytes.first != 0x2d
    }
}

/// How often a workspace lets things be tried.
package struct WorkspaceLimits: Hashable, Sendable {
    /// Exchanges a minute; none means no limit.
    package let exchangesPerMinute: Int?
    /// Sign-ins and sign-ups a minute from one address.
    package let signInsPerMinute: Int
    /// Failed sign-ins of one account in 15 minutes.
    package let failuresPerQuarterHour: Int

    package init(
        exchangesPerMinute: Int? = nil,
        signInsPerMinute: Int = 100,
        failuresPerQuarterHour: Int = 10
    ) {
        self.exchangesPerMinute = exchangesPerMinute
        self.signInsPerMinute = signInsPerMinute
        self.failuresPerQuarterHour = failuresPerQuarterHour
    }
}

extension Identifier<Workspace, UUID> {
    /// The form outside: `ws_` and 32 lower-case hexadecimal digits.
    package var reference: String {
        "ws_" + hex
    }

    /// Reads `ws_` and 32 lower-case hexadecimal digits.
    package init?(reference: String) {
        guard reference.utf8.starts(with: "ws_".utf8) else { return nil }
        // Bytes, not characters: an accent on the underscore would be dropped with it.
        self.init(hex: Substring(reference.utf8.dropFirst(3)))
    }
}
