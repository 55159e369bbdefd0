import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/applications/{id}/users`: who is in an app.
struct MembershipHandlers: Sendable {
    let parts: AdminParts

    private static let standings = ["active", "pending_approval", "suspended", "disabled"]

    /// Part of the list, oldest user first; `status` takes one standing, `search` the beginning of an address or a name.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(filters: ["status"])
        let standing = request.uri.queryParameters["status"].map { String($0) }
        if let standing, !Self.standings.contains(standing) {
            throw AdminRefusal.invalid(
                field: "status",
                "status takes \(Self.standings.joined(separator: ", "))."
            )
        }
        let app = try await application(context, scope)
        let members = try await parts.memberships.list(
            of: app,
            standing: standing,
            page,
            in: scope.workspaceID
        )
        return .page("users", members)
    }

    /// Makes a user a member: `{"userId" or "email", "status", "role", "profile"}`.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let app = try await application(context, scope)
        var fields = try await Fields(request)
        guard let user = try fields.text("userId", .text(32...36)).flatMap({ User.ID(anyText: $0) }) else {
            throw AdminRefusal.invalid(field: "userId", "userId takes the id of a user of the workspace.")
        }
        let columns = try Self.columns(&fields)
        try fields.finish()
        guard try await parts.users.find(user, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("user")
        }
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        return try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: [],
                    location: "/api/admin/applications/\(app.raw)/users/\(user.text)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.memberships.create(
                    user,
                    in: app,
                    columns: columns.json,
                    of: scope.workspaceID,
                    by: administrator
                )
            }
        }
    }

    /// One of them.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        let (app, user) = (try ApplicationHandlers.id(context), try UserHandlers.id(context))
        guard let found = try await parts.memberships.find(user, in: app, of: scope.workspaceID) else {
            throw AdminRefusal.notFound("membership")
        }
        return .thing(found)
    }

    /// Changes what the body names; who is not active any more loses the sessions in the app at once.
    func update(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let (app, user) = (try ApplicationHandlers.id(context), try UserHandlers.id(context))
        var fields = try await Fields(request)
        let columns = try Self.columns(&fields)
        try fields.finish()
        return try await change(request, scope, user, app, columns)
    }

    /// `{…}/suspend`: the sessions in the app end with it.
    func suspend(_ request: Request, _ context: ServiceContext) async throws -> Response {
        try await set("suspended", request, context)
    }

    /// `{…}/activate`: admits again, or at last.
    func activate(_ request: Request, _ context: ServiceContext) async throws -> Response {
        try await set("active", request, context)
    }

    /// Removes a membership with its sessions; the user stays.
    func remove(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let change = try await parts.memberships.remove(
            try UserHandlers.id(context),
            from: try ApplicationHandlers.id(context),
            if: try EntityTag.precondition(request),
            of: scope.workspaceID,
            by: scope.administrator
        )
        return .gone(epoch: try parts.told(change, "membership").epoch)
    }

    private func set(
        _ standing: String,
        _ request: Request,
        _ context: ServiceContext
    ) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        try await Fields(request).finish()
        let (app, user) = (try ApplicationHandlers.id(context), try UserHandlers.id(context))
        var columns = Columns()
        columns.set("status", .string(standing))
        return try await change(request, scope, user, app, columns)
    }

    private func change(
        _ request: Request,
        _ scope: AdminScope,
        _ user: User.ID,
        _ app: ConnectedApp.ID,
        _ columns: Columns
    ) async throws -> Response {
        let change = try await parts.refusing {
            try await parts.memberships.change(
                user,
                in: app,
                columns: columns.json,
                if: try EntityTag.precondition(request),
                of: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (membership, epoch) = try parts.told(change, "membership")
        return .thing(membership, epoch: epoch)
    }

    private func application(_ context: ServiceContext, _ scope: AdminScope) async throws -> ConnectedApp.ID {
        let id = try ApplicationHandlers.id(context)
        guard try await parts.applications.find(id, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("application")
        }
        return id
    }

    private static func columns(_ fields: inout Fields) throws -> Columns {
        var columns = Columns()
        try fields.set("status", of: &columns, from: "status", .choice(standings))
        try fields.set("role", of: &columns, from: "role", .choice(["member", "admin", "billing_admin"]))
        try fields.set("profile", of: &columns, from: "profile", .object(16_384))
        return columns
    }
}
