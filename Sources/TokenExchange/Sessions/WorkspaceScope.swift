import Chassis
import Domain
import Hummingbird

/// Which workspace a request is about when its path names no app: the one under `/w/`, the one whose own host was
/// asked, or the default.
enum WorkspaceScope {
    /// Finds the workspace, or refuses.
    static func find(
        _ request: Request,
        _ context: ServiceContext,
        _ parts: ServiceParts,
        in view: ServiceParts.View
    ) throws(SessionRefusal) -> ServiceParts.View.Served {
        let found: ServiceParts.View.Served?
        if let name = context.parameters.get("workspace") {
            found = view.workspace(named: name)
        } else if let host = request.head.authority?.asciiLowercased, let own = view.workspace(ofHost: host) {
            found = own
        } else {
            found = parts.defaultWorkspace.flatMap { view.workspace(named: $0) }
        }
        guard let found, found.snapshot.workspace.status == .active else { throw .workspaceNotFound }
        return found
    }
}
