/// A program of the workspace that users sign in to.
package struct ConnectedApp: Hashable, Sendable {
    /// The identity of an app within its workspace: chosen by its owner, or `app_` and 20 alphanumerics.
    package typealias ID = Identifier<ConnectedApp, String>

    /// Whether the app is served.
    package enum Status: String, Sendable {
        case active
        case suspended
    }

    /// Who may bring a session of another app here.
    package enum ExchangePolicy: String, Sendable {
        /// Any app of the workspace.
        case workspace
        /// Only an app that shares an SSO group.
        case ssoGroup = "sso_group"
        /// No app.
        case none
    }

    /// Who becomes a member.
    package enum SignupPolicy: String, Sendable {
        case open
        case inviteOnly = "invite_only"
        case adminApproval = "admin_approval"
        case autoOnFirstAccess = "auto_on_first_access"

        /// Whether a user of the workspace becomes a member by coming here.
        package var admitsOnFirstAccess: Bool {
            self == .open || self == .autoOnFirstAccess
        }
    }

    /// Whether the app can keep a secret.
    package enum ClientType: String, Sendable {
        case web
        case native
    }

    /// How long what the app is given lives, in whole seconds.
    package struct Lifetimes: Hashable, Sendable {
        /// Of an access token: 60 to 604,800.
        package let access: Int
        /// Of a session and its refresh tokens, from its start: 3,600 to 31,536,000.
        package let refresh: Int
        /// Of a session that is not used.
        package let idle: Int

        package init(access: Int = 3600, refresh: Int = 604_800, idle: Int = 604_800) {
            self.access = access
            self.refresh = refresh
            self.idle = idle
        }
    }

    /// The identity.
    package let id: ID
    /// `scli_` and alphanumerics: unique over all workspaces.
    package let clientID: String
    /// The name that people read.
    package let name: String
    /// The `aud` of its access tokens.
    package let audience: String
    /// Whether it can keep a secret.
    package let clientType: ClientType
    /// Whether it is served, or may sign in.
    package let status: Status
    /// Who may bring sessions here.
    package let exchangePolicy: ExchangePolicy
    /// Who becomes a member.
    package let signupPolicy: SignupPolicy
    /// How long what it is given lives.
    package let lifetimes: Lifetimes
    /// Whether its sessions come with a refresh token.
    package let refreshPayload: Bool
    /// The web origins that speak for it, exact.
    package let origins: [String]
    /// The SSO groups it is in; none means it is isolated.
    package let groups: Set<SSOGroup.ID>

    package init(
        id: ID,
        clientID: String,
        name: String,
        audience: String,
        clientType: ClientType = .web,
        status: Status = .active,
        exchangePolicy: ExchangePolicy = .workspace,
        signupPolicy: SignupPolicy = .open,
        lifetimes: Lifetimes = Lifetimes(),
        refreshPayload: Bool = true,
        origins: [String] = [],
        groups: Set<SSOGroup.ID> = []
    ) {
        self.id = id
        self.clientID = clientID
        self.name = name
        self.audience = audience
        self.clientType = clientType
        self.status = status
        self.exchangePolicy = exchangePolicy
        self.signupPolicy = signupPolicy
        self.lifetimes = lifetimes
        self.refreshPayload = refreshPayload
        self.origins = origins
        self.groups = groups
    }

    /// Whether sign-in is shared with `other`: it is the same app, or both are in one group.
    package func sharesSignIn(with other: ConnectedApp) -> Bool {
        id == other.id || !groups.isDisjoint(with: other.groups)
    }
}

/// A set of apps that share sign-in.
package struct SSOGroup: Hashable, Sendable {
    /// The identity of a group within its workspace.
    package typealias ID = Identifier<SSOGroup, String>

    /// The identity.
    package let id: ID
    /// The name that people read.
    package let name: String

    package init(id: ID, name: String) {
        self.id = id
        self.name = name
    }
}
