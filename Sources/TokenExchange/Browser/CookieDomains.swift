import Chassis
import Domain
import Logging
import Synchronization

/// The domains that workspaces share their cookies under.
///
/// A public suffix is none: its cookies would go to everybody who registered a name below it. Browsers refuse
/// such a cookie, each by a list of its own, so ours is then for the host alone, and a warning says so once.
final class CookieDomains: Sendable {
    private let logger: Logger
    /// The domain of each workspace that was warned about.
    private let warned = Mutex<[Workspace.ID: String]>([:])

    init(logger: Logger) {
        self.logger = logger
    }

    /// The workspace's domain, when the host that was asked lies under it; else the cookie is the host's.
    func domain(of workspace: Workspace, host: String?) -> String? {
        guard let domain = workspace.cookieDomain, let host, Self.lies(host, under: domain) else {
            return nil
        }
        guard PublicSuffix.contains(domain) else { return domain }
        warn(workspace.id, of: domain)
        return nil
    }

    private func warn(_ workspace: Workspace.ID, of domain: String) {
        guard warned.withLock({ $0.updateValue(domain, forKey: workspace) }) != domain else { return }
        logger.warning(
            "A cookie domain is a public suffix; cookies are sent for the host alone.",
            metadata: .of([.workspace: "\(workspace.reference)", .name: "\(domain)"])
        )
    }

    private static func lies(_ host: String, under domain: String) -> Bool {
        let name = host.utf8.prefix { $0 != UInt8(ascii: ":") }
        let bare = domain.utf8.first == UInt8(ascii: ".") ? domain.utf8.dropFirst() : domain.utf8[...]
        guard name.count >= bare.count, name.suffix(bare.count).elementsEqual(bare) else { return false }
        let before = name.dropLast(bare.count)
        return before.isEmpty || before.last == UInt8(ascii: ".")
    }
}
