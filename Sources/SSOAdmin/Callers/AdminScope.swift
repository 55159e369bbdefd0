import Chassis
import Domain
import HTTPTypes
import Hummingbird
import Storage

/// The workspace a call is about, and who calls.
struct AdminScope: Sendable {
    let caller: AdminCaller
    let workspaceID: Workspace.ID
    let administrator: Administrator
}

extension AdminParts {
    /// The workspace a call is about: the token's own, or the one that a platform token names in `X-Workspace`.
    func scope(
        _ request: Request,
        _ context: ServiceContext,
        needs permission: Permission
    ) async throws -> AdminScope {
        let caller = try await caller(request, needs: permission)
        let named = request.headers[values: .xWorkspace]
        guard named.count <= 1 else { throw PlainRefusal.malformed("X-Workspace may be given once.") }
        let workspaceID: Workspace.ID
        switch caller.reach {
        case .workspace(let own):
            if let name = named.first, try await find(name) != own { throw AdminRefusal.otherWorkspace }
            workspaceID = own
        case .platform:
            guard let name = named.first else { throw AdminRefusal.workspaceRequired }
            guard let found = try await find(name) else { throw AdminRefusal.notFound("workspace") }
            workspaceID = found
        }
        return AdminScope(
            caller: caller,
            workspaceID: workspaceID,
            administrator: Administrator(name: caller.name, requestID: context.facts.id.description)
        )
    }

    /// The workspace of an id or slug.
    ///
    /// By slug it is looked up in the view of the configuration; one that was made this very moment may not be in it.
    func find(_ name: String) async throws -> Workspace.ID? {
        if let id = Workspace.ID(reference: name) {
            return try await workspaces.find(id) == nil ? nil : id
        }
        return feed.current.workspace(named: name)?.snapshot.workspace.id
    }
}

extension HTTPField.Name {
    /// `X-Workspace`: the workspace that a platform token's call is about, by id or slug.
    static let xWorkspace = Self.known("X-Workspace")
    /// `X-Epoch`: the epoch whose view has what a call changed.
    static let xEpoch = Self.known("X-Epoch")
    /// `Idempotency-Key`.
    static let idempotencyKey = Self.known("Idempotency-Key")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is not a field name") }
        return name
    }
}
