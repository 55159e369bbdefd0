package import FoundationEssentials

/// A user signed in to one app.
///
/// A session that was exchanged from another has a parent, so sessions form trees. It lives only while it is neither
/// revoked nor over, and while none of its ancestors is revoked.
package struct Session: Hashable, Sendable {
    /// The identity of a session; it begins with its time of creation.
    package typealias ID = Identifier<Session, UUID>

    /// The most ancestors a session has.
    package static let maximumDepth = 8

    /// The identity.
    package let id: ID
    /// The user.
    package let userID: User.ID
    /// None when the user signed in to the workspace without naming an app.
    package let appID: ConnectedApp.ID?
    /// The path from the root of the tree to the parent; empty for a root.
    package let ancestors: [ID]
    /// When the user last proved who they are.
    package let authenticatedAt: Date
    /// How: RFC 8176 authentication method references.
    package let methods: [String]
    /// Space-separated scopes (RFC 6749 section 3.3); may be empty.
    package let scope: String
    /// Which refresh token is current, from 1.
    package let generation: Int
    /// When it became current; none for the first.
    package let rotatedAt: Date?
    /// When it was made.
    package let createdAt: Date
    /// When it was last refreshed or used by a browser.
    package let lastUsedAt: Date
    /// The end that no use can move.
    package let expiresAt: Date
    /// Seconds without use after which the session is over.
    package let idleTimeout: Int
    /// When it was ended before its time; none while it was not.
    package let revokedAt: Date?
    /// Whether an ancestor is revoked.
    package let endedAbove: Bool

    package init(
        id: ID,
        userID: User.ID,
        appID: ConnectedApp.ID?,
        ancestors: [ID] = [],
        authenticatedAt: Date,
        methods: [String],
        scope: String = "",
        generation: Int = 1,
        rotatedAt: Date? = nil,
        createdAt: Date,
        lastUsedAt: Date,
        expiresAt: Date,
        idleTimeout: Int,
        revokedAt: Date? = nil,
        endedAbove: Bool = false
    ) {
        self.id = id
        self.userID = userID
        self.appID = appID
        self.ancestors = ancestors
        self.authenticatedAt = authenticatedAt
        self.methods = methods
        self.scope = scope
        self.generation = generation
        self.rotatedAt = rotatedAt
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.expiresAt = expiresAt
        self.idleTimeout = idleTimeout
        self.revokedAt = revokedAt
        self.endedAbove = endedAbove
    }

    /// Whether the session may be used at `now`.
    package func isLive(at now: Date) -> Bool {
        revokedAt == nil && !endedAbove && now < expiresAt
            && now < lastUsedAt.addingTimeInterval(TimeInterval(idleTimeout))
    }

    /// The root of the session's tree: itself when it has no parent.
    package var root: ID {
        ancestors.first ?? id
    }
}
