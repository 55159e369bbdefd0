import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/api-keys`: the credentials of backends.
struct APIKeyHandlers: Sendable {
    let parts: AdminParts

    /// Part of the list, oldest first.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(searches: false)
        return .page("apiKeys", try await parts.apiKeys.list(page, in: scope.workspaceID))
    }

    /// Makes one; its text is answered here and never again.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let name = try fields.requiredText("name", .text(1...200))
        let app = try fields.identifier("appId")
        let limits = APIKeyStore.Limits(
            sourceApps: try fields.apps("sourceApps"),
            targetApps: try fields.apps("targetApps"),
            networks: try fields.texts("networks", "networks such as 10.0.0.0/8 or 2001:db8::/32") {
                Network($0) != nil
            }.flatMap { $0 },
            expiresAt: try fields.instant("expiresAt", after: parts.now()).flatMap { $0 }
        )
        try fields.finish()
        try await requireApps((limits.sourceApps ?? []) + (limits.targetApps ?? []), in: scope.workspaceID)
        let word = app == nil ? "scwor" : "scapp"
        let key = IssuedCredential(prefix: "\(word)_", name: name)
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        let response = try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: [("apiKey", key.text)],
                    location: "/api/admin/api-keys/\(key.id.text)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.apiKeys.create(
                    key.stored,
                    of: app.map { ConnectedApp.ID($0) },
                    limits: limits,
                    in: scope.workspaceID,
                    by: administrator
                )
            }
        }
        parts.notifier.tell()
        return response
    }

    /// One of them.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let key = try await parts.apiKeys.find(try Self.id(context), in: scope.workspaceID) else {
            throw AdminRefusal.notFound("API key")
        }
        return .thing(key)
    }

    /// Makes one like it, answered here and never again; it ends itself after `overlapSeconds`.
    func rotate(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let overlap = try fields.integer("overlapSeconds", 0...2_592_000) ?? 86_400
        try fields.finish()
        let old = try Self.id(context)
        guard let known = try await parts.apiKeys.find(old, in: scope.workspaceID) else {
            throw AdminRefusal.notFound("API key")
        }
        let kind = try StrictJSON.parse(Array(known.utf8)).object?["kind"]?.string
        let key = IssuedCredential(prefix: kind == "app" ? "scapp_" : "scwor_", name: "")
        let change = try await parts.apiKeys.rotate(
            old,
            to: key.stored,
            overlap: overlap,
            in: scope.workspaceID,
            by: scope.administrator
        )
        let (json, epoch) = try parts.told(change, "live API key")
        return .thing(
            json,
            adding: [("apiKey", key.text)],
            status: .created,
            location: "/api/admin/api-keys/\(key.id.text)",
            epoch: epoch
        )
    }

    /// Ends one.
    func revoke(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let change = try await parts.apiKeys.revoke(
            try Self.id(context),
            in: scope.workspaceID,
            by: scope.administrator
        )
        return .gone(epoch: try parts.told(change, "API key").epoch)
    }

    /// Refuses apps that do not exist: a limit to one of them would be a limit to nothing.
    private func requireApps(_ ids: [String], in workspaceID: Workspace.ID) async throws {
        guard !ids.isEmpty else { return }
        let apps = try await parts.workspaces.apps(of: workspaceID)
        if let unknown = ids.first(where: { apps[ConnectedApp.ID($0)] == nil }) {
            throw AdminRefusal.invalid(field: "sourceApps", "There is no application \(unknown).")
        }
    }

    private static func id(_ context: ServiceContext) throws -> APIKey.ID {
        guard let id = context.parameters.get("key").flatMap({ APIKey.ID(anyText: $0) }) else {
            throw AdminRefusal.notFound("API key")
        }
        return id
    }
}

extension Identifier where Raw == UUID {
    /// Reads an id with hyphens or without.
    init?(anyText text: String) {
        guard let id = Identifier(hex: Substring(text)) ?? Identifier(text: text) else { return nil }
        self = id
    }
}
