import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/users`: the people of the workspace.
struct UserHandlers: Sendable {
    let parts: AdminParts

    /// Part of the list, oldest first; `search` takes the beginning of an address or a name.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        return .page("users", try await parts.users.list(try request.page(), in: scope.workspaceID))
    }

    /// Makes one; without a password the user cannot sign in yet.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        guard let email = try fields.email("email") else {
            throw AdminRefusal.invalid(field: "email", "email is missing.")
        }
        let user = UserStore.NewUser(
            id: User.ID(.v7(at: parts.now())),
            email: email,
            name: try fields.text("name", .text(0...200)) ?? "",
            isEmailVerified: try fields.value("emailVerified", .flag)?.bool ?? false,
            passwordHash: try fields.passwordHash("password")
        )
        try fields.finish()
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        return try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: [],
                    location: "/api/admin/users/\(user.id.text)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.users.create(user, in: scope.workspaceID, by: administrator)
            }
        }
    }

    /// One of them.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let user = try await parts.users.find(try Self.id(context), in: scope.workspaceID) else {
            throw AdminRefusal.notFound("user")
        }
        return .thing(user)
    }

    /// Changes what the body names; a user who is disabled loses all sessions at once.
    func update(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        var columns = Columns()
        if let email = try fields.email("email") {
            columns.set("email", .string(email.text))
            columns.set("email_key", .string(email.key))
        }
        try fields.set("name", of: &columns, from: "name", .text(0...200))
        try fields.set("image", of: &columns, from: "image", .optionalText(1...2000))
        try fields.set("email_verified", of: &columns, from: "emailVerified", .flag)
        try fields.set("status", of: &columns, from: "status", .choice(["active", "disabled"]))
        if let hash = try fields.passwordHash("password") { columns.set("password_hash", .string(hash)) }
        try fields.finish()
        let json = columns.json
        let change = try await parts.refusing {
            try await parts.users.change(
                try Self.id(context),
                columns: json,
                if: try EntityTag.precondition(request),
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (user, epoch) = try parts.told(change, "user")
        return .thing(user, epoch: epoch)
    }

    /// Removes one with all memberships and sessions.
    func remove(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let change = try await parts.users.remove(
            try Self.id(context),
            if: try EntityTag.precondition(request),
            in: scope.workspaceID,
            by: scope.administrator
        )
        return .gone(epoch: try parts.told(change, "user").epoch)
    }

    /// The apps one is in, by id.
    func memberships(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(searches: false)
        let id = try Self.id(context)
        guard try await parts.users.find(id, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("user")
        }
        return .page("memberships", try await parts.memberships.list(of: id, page, in: scope.workspaceID))
    }

    /// The user that the path names.
    static func id(_ context: ServiceContext) throws -> User.ID {
        guard let id = context.parameters.get("user").flatMap({ User.ID(anyText: $0) }) else {
            throw AdminRefusal.notFound("user")
        }
        return id
    }
}

extension Fields {
    /// An email address, if it is there.
    mutating func email(_ name: String) throws -> EmailAddress? {
        guard let text = try text(name, .text(3...254)) else { return nil }
        guard let email = EmailAddress(text) else {
            throw AdminRefusal.invalid(field: name, "\(name) takes an email address.")
        }
        return email
    }

    /// The stored form of a password of 8 to 128 characters, if it is there; a tenth of a second.
    mutating func passwordHash(_ name: String) throws -> String? {
        guard let password = try text(name, .text(8...128)) else { return nil }
        guard let hash = PasswordHash(hashing: password) else {
            throw AdminRefusal.invalid(field: name, "\(name) cannot be hashed.")
        }
        return hash.stored
    }
}
