import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage

/// `/api/admin/admin-tokens`: who may administer the workspace; for owners.
struct AdminTokenHandlers: Sendable {
    let parts: AdminParts

    /// Part of the list, oldest first.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        let page = try request.page(searches: false)
        return .page("adminTokens", try await parts.tokens.list(page, in: scope.workspaceID))
    }

    /// Makes one; its text is answered here and never again.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        try request.checkQuery()
        var fields = try await Fields(request)
        let name = try fields.requiredText("name", .text(1...200))
        let role = try fields.requiredText("role", .choice(AdminRole.allCases.map(\.rawValue)))
        let expiresAt = try fields.instant("expiresAt", after: parts.now()).flatMap { $0 }
        try fields.finish()
        let token = IssuedCredential(prefix: "bwadm_\(scope.workspaceID.hex)_", name: name)
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        return try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: [("adminToken", token.text)],
                    location: "/api/admin/admin-tokens/\(token.id.text)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.tokens.create(
                    token.stored,
                    role: AdminRole(rawValue: role) ?? .viewer,
                    expiresAt: expiresAt,
                    in: scope.workspaceID,
                    by: administrator
                )
            }
        }
    }

    /// One of them.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        try request.checkQuery()
        guard let token = try await parts.tokens.show(try Self.id(context).raw, in: scope.workspaceID) else {
            throw AdminRefusal.notFound("admin token")
        }
        return .thing(token)
    }

    /// Makes one like it, answered here and never again; it ends itself after `overlapSeconds`.
    func rotate(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        try request.checkQuery()
        var fields = try await Fields(request)
        let overlap = try fields.integer("overlapSeconds", 0...2_592_000) ?? 3600
        try fields.finish()
        let token = IssuedCredential(prefix: "bwadm_\(scope.workspaceID.hex)_", name: "")
        let change = try await parts.tokens.rotate(
            try Self.id(context).raw,
            to: token.stored,
            overlap: overlap,
            in: scope.workspaceID,
            by: scope.administrator
        )
        let (json, epoch) = try parts.told(change, "live admin token")
        return .thing(
            json,
            adding: [("adminToken", token.text)],
            status: .created,
            location: "/api/admin/admin-tokens/\(token.id.text)",
            epoch: epoch
        )
    }

    /// Ends one; not the last owner's.
    func revoke(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        try request.checkQuery()
        let change = try await parts.tokens.revoke(
            try Self.id(context).raw,
            lastOwner: AdminRefusal.lastOwner,
            in: scope.workspaceID,
            by: scope.administrator
        )
        return .gone(epoch: try parts.told(change, "admin token").epoch)
    }

    private static func id(_ context: ServiceContext) throws -> Identifier<AdminTokenStore, UUID> {
        guard
            let id = context.parameters.get("token").flatMap({
                Identifier<AdminTokenStore, UUID>(anyText: $0)
            })
        else { throw AdminRefusal.notFound("admin token") }
        return id
    }
}
