package import FoundationEssentials

/// A backend's credential, known by its id; the secret is kept as a hash.
package struct APIKey: Hashable, Sendable {
    /// The identity of a key.
    package typealias ID = Identifier<APIKey, UUID>

    /// What a key opens.
    package enum Kind: String, Sendable {
        /// The whole workspace: `scwor_…`.
        case workspace
        /// One app: `scapp_…`.
        case app
    }

    /// The identity.
    package let id: ID
    /// What it opens.
    package let kind: Kind
    /// The app of an app key.
    package let appID: ConnectedApp.ID?
    /// The SHA-256 of the secret, 32 bytes.
    package let secretHash: [UInt8]
    /// The apps whose sessions it may exchange; none means all.
    package let sourceApps: Set<ConnectedApp.ID>?
    /// The apps it may exchange into; none means all.
    package let targetApps: Set<ConnectedApp.ID>?
    /// The networks it may be used from, in CIDR notation; none means all.
    package let networks: [String]?
    /// When it ends by itself; none when it does not.
    package let expiresAt: Date?
    /// When it was ended before its time; none while it was not.
    package let revokedAt: Date?

    package init(
        id: ID,
        kind: Kind = .workspace,
        appID: ConnectedApp.ID? = nil,
        secretHash: [UInt8],
        sourceApps: Set<ConnectedApp.ID>? = nil,
        targetApps: Set<ConnectedApp.ID>? = nil,
        networks: [String]? = nil,
        expiresAt: Date? = nil,
        revokedAt: Date? = nil
    ) {
        self.id = id
        self.kind = kind
        self.appID = appID
        self.secretHash = secretHash
        self.sourceApps = sourceApps
        self.targetApps = targetApps
        self.networks = networks
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    /// Whether the key is neither revoked nor expired.
    package func isLive(at now: Date) -> Bool {
        revokedAt == nil && expiresAt.map { now < $0 } ?? true
    }
}
