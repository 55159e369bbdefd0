package import FoundationEssentials

/// One human, one identity per workspace: `sub` is the same in every app.
package struct User: Hashable, Sendable {
    /// The identity of a user.
    package typealias ID = Identifier<User, UUID>

    /// Whether the user may sign in at all.
    package enum Status: String, Sendable {
        case active
        case disabled
    }

    /// The identity.
    package let id: ID
    /// The address as it was written.
    package let email: String
    /// Whether the address was proved.
    package let emailVerified: Bool
    /// The name that people read.
    package let name: String
    /// The URL of a picture.
    package let image: String?
    /// Whether it is served, or may sign in.
    package let status: Status
    /// When it was made.
    package let createdAt: Date
    /// When it last changed.
    package let updatedAt: Date

    package init(
        id: ID,
        email: String,
        emailVerified: Bool,
        name: String,
        image: String?,
        status: Status,
        createdAt: Date,
        updatedAt: Date
    ) {
        self.id = id
        self.email = email
        self.emailVerified = emailVerified
        self.name = name
        self.image = image
        self.status = status
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// A user's place in one app.
package struct Membership: Hashable, Sendable {
    /// What a member may do now.
    package enum Status: String, Sendable {
        case active
        case pendingApproval = "pending_approval"
        case suspended
        case disabled
    }
}
