import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// Live sessions: of an app, of a user, and ending them.
struct SessionHandlers: Sendable {
    let parts: AdminParts

    /// An app's, newest first.
    func ofApplication(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(searches: false)
        let app = try await application(context, scope)
        return .page("sessions", try await parts.sessions.list(of: app, page, in: scope.workspaceID))
    }

    /// A user's, newest first.
    func ofUser(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(searches: false)
        let user = try await user(context, scope)
        return .page("sessions", try await parts.sessions.list(of: user, page, in: scope.workspaceID))
    }

    /// Ends one of an app's, and all that were exchanged from it.
    func end(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let app = try ApplicationHandlers.id(context)
        guard let session = context.parameters.get("session").flatMap({ Session.ID(anyText: $0) }) else {
            throw AdminRefusal.notFound("live session")
        }
        let change = try await parts.sessions.end(
            session,
            of: app,
            in: scope.workspaceID,
            by: scope.administrator
        )
        return .gone(epoch: try parts.told(change, "live session").epoch)
    }

    /// Ends all of an app's.
    func endOfApplication(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        return try await end(.application(try await application(context, scope)), scope)
    }

    /// Ends all of a user's.
    func endOfUser(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        return try await end(.user(try await user(context, scope)), scope)
    }

    /// Ends all in the apps of a group.
    func endOfGroup(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        guard let group = context.parameters.get("group").flatMap({ SSOGroup.ID(text: $0) }),
            try await parts.groups.find(group, in: scope.workspaceID) != nil
        else { throw AdminRefusal.notFound("SSO group") }
        return try await end(.group(group), scope)
    }

    /// Ends all of the workspace.
    func endAll(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .own)
        try request.checkQuery()
        return try await end(.workspace, scope)
    }

    private func end(_ owner: SessionDirectory.Owner, _ scope: AdminScope) async throws -> Response {
        let ended = try await parts.sessions.endAll(of: owner, in: scope.workspaceID, by: scope.administrator)
        return .json(epoch: ended.epoch) { json in
            json.beginObject()
            json.number("revoked", ended.value)
            json.endObject()
        }
    }

    private func application(_ context: ServiceContext, _ scope: AdminScope) async throws -> ConnectedApp.ID {
        let id = try ApplicationHandlers.id(context)
        guard try await parts.applications.find(id, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("application")
        }
        return id
    }

    private func user(_ context: ServiceContext, _ scope: AdminScope) async throws -> User.ID {
        let id = try UserHandlers.id(context)
        guard try await parts.users.find(id, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("user")
        }
        return id
    }
}
