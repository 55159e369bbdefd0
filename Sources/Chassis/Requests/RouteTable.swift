import HTTPTypes
import Hummingbird

/// Which methods a path takes, to tell 405 from 404; searched only when no route matched.
struct RouteTable: Sendable {
    private let routes: [(path: RouterPath, methods: [HTTPRequest.Method])]

    /// The routes a router has now.
    init(_ router: Router<ServiceContext>) {
        var routes: [(path: RouterPath, methods: [HTTPRequest.Method])] = []
        for route in router.routes {
            if let index = routes.firstIndex(where: { $0.path == route.path }) {
                routes[index].methods.append(route.method)
            } else {
                routes.append((route.path, [route.method]))
            }
        }
        self.routes = routes
    }

    /// The methods of all routes whose template a path matches, `HEAD` with every `GET`; empty when there
    /// is none.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let components = path.split(separator: "/")
        var found: Set<String> = []
        for route in routes where Self.matches(Array(route.path), components) {
            found.formUnion(route.methods.map(\.rawValue))
        }
        if found.contains("GET") { found.insert("HEAD") }
        return found.sorted().compactMap { HTTPRequest.Method($0) }
    }

    private static func matches(_ template: [RouterPath.Element], _ components: [Substring]) -> Bool {
        for (index, element) in template.enumerated() {
            if element == .recursiveWildcard { return true }
            guard index < components.count, element ~= components[index] else { return false }
        }
        return template.count == components.count
    }
}
