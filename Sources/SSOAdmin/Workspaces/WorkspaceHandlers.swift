import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/workspaces`: the tenants, for platform tokens; a workspace's token finds its own.
struct WorkspaceHandlers: Sendable {
    let parts: AdminParts

    /// Part of the list, by slug; `search` takes the beginning of a slug.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await parts.caller(request, needs: .read)
        let page = try request.page()
        if case .workspace(let own) = caller.reach {
            let json = try await parts.workspaces.find(own)
            return .page("workspaces", Page(json.map { [Page.Item(json: $0, position: "")] } ?? [], page))
        }
        // The directory is the view of the configuration: no statement of ours crosses workspaces.
        let view = parts.feed.current
        guard view.isFresh(at: .now) else { throw PlainRefusal.temporarilyUnavailable() }
        let beginning = page.beginning ?? ""
        let listed = view.directory
            .filter { $0.slug > (page.after ?? "") && $0.slug.utf8.starts(with: beginning.utf8) }
            .prefix(page.fetched)
        let found = try await parts.workspaces.find(listed.map(\.id))
        let items = zip(listed, found).map { Page.Item(json: $1, position: $0.slug) }
        return .page("workspaces", Page(items, page))
    }

    /// Makes one with its first API key and an owner's admin token, both answered here and never again.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await parts.caller(request, needs: .own)
        guard caller.reach == .platform else { throw AdminRefusal.platformTokenRequired }
        try request.checkQuery()
        var fields = try await Fields(request)
        let slug = try fields.requiredText("slug", .text(1...63))
        guard Workspace.isSlug(slug) else {
            throw AdminRefusal.invalid(
                field: "slug",
                "slug takes 1 to 63 of a-z, 0-9 and -, and begins with a letter or digit."
            )
        }
        let name = try fields.text("name", .text(1...200)) ?? slug
        let issuer = try fields.text("issuer", .text(8...512))
        if let issuer, !WebOrigin.isBase(issuer) {
            throw AdminRefusal.invalid(
                field: "issuer",
                "issuer takes an http or https URL without query and fragment."
            )
        }
        let algorithm = try fields.text("algorithm", .choice(SigningAlgorithm.allCases.map(\.rawValue)))
        let columns = try Self.columns(&fields)
        try fields.finish()
        let id = Workspace.ID(.v7(at: parts.now()))
        let apiKey = IssuedCredential(prefix: "scwor_", name: "first")
        let token = IssuedCredential(prefix: "bwadm_\(id.hex)_", name: "first")
        let workspace = AdministrationStore.NewWorkspace(
            id: id,
            slug: slug,
            name: name,
            issuer: issuer ?? "\(parts.publicURL)/w/\(slug)",
            algorithm: algorithm.flatMap { SigningAlgorithm(rawValue: $0) } ?? .rs256
        )
        let administrator = Administrator(name: caller.name, requestID: context.facts.id.description)
        let made = try await parts.refusing {
            try await parts.workspaces.create(
                workspace,
                apiKey: apiKey.stored,
                adminToken: token.stored,
                columns: columns.json,
                by: administrator
            )
        }
        parts.notifier.tell()
        return .thing(
            made.value,
            adding: [("apiKey", apiKey.text), ("adminToken", token.text)],
            status: .created,
            location: "/api/admin/workspaces/\(id.reference)",
            epoch: made.epoch
        )
    }

    /// One of them, by id or slug.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let (id, _) = try await named(request, context, needs: .read)
        try request.checkQuery()
        guard let json = try await parts.workspaces.find(id) else { throw AdminRefusal.notFound("workspace") }
        return .thing(json)
    }

    /// Changes what the body names.
    func update(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let (id, caller) = try await named(request, context, needs: .own)
        try request.checkQuery()
        var fields = try await Fields(request)
        var columns = try Self.columns(&fields)
        try fields.set("name", of: &columns, from: "name", .text(1...200))
        try fields.set("status", of: &columns, from: "status", .choice(["active", "suspended"]))
        try fields.finish()
        let change = try await parts.refusing {
            try await parts.workspaces.change(
                id,
                columns: columns.json,
                if: try EntityTag.precondition(request),
                by: Administrator(name: caller.name, requestID: context.facts.id.description)
            )
        }
        let (json, epoch) = try parts.told(change, "workspace")
        return .thing(json, epoch: epoch)
    }

    /// How a workspace rotates its keys.
    func rotationPolicy(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let json = try await parts.workspaces.rotationPolicy(of: scope.workspaceID) else {
            throw AdminRefusal.notFound("workspace")
        }
        return .thing(json)
    }

    /// Changes how a workspace rotates its keys.
    func changeRotationPolicy(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        var columns = Columns()
        let algorithms = FieldRule.choice(SigningAlgorithm.allCases.map(\.rawValue))
        try fields.set("signing_algorithm", of: &columns, from: "algorithm", algorithms)
        if let bits = try fields.value("rsaBits", .integer(2048...4096)) {
            guard [2048, 3072, 4096].contains(bits.integer) else {
                throw AdminRefusal.invalid(field: "rsaBits", "rsaBits takes 2048, 3072 or 4096.")
            }
            columns.set("rsa_bits", bits)
        }
        try fields.set(
            "rotation_interval",
            of: &columns,
            from: "rotationInterval",
            .integer(3600...63_072_000)
        )
        try fields.set("rotation_lead", of: &columns, from: "rotationLead", .integer(660...2_592_000))
        try fields.finish()
        let change = try await parts.refusing {
            try await parts.workspaces.changeRotationPolicy(
                of: scope.workspaceID,
                columns: columns.json,
                if: try EntityTag.precondition(request),
                by: scope.administrator
            )
        }
        let (json, epoch) = try parts.told(change, "workspace")
        return .thing(json, epoch: epoch)
    }

    /// The workspace that the path names, and who asks.
    private func named(
        _ request: Request,
        _ context: ServiceContext,
        needs permission: Permission
    ) async throws -> (Workspace.ID, AdminCaller) {
        let caller = try await parts.caller(request, needs: permission)
        let found = try await context.parameters.get("workspace").asyncMap { try await parts.find($0) } ?? nil
        if case .workspace(let own) = caller.reach {
            guard found == own else { throw AdminRefusal.otherWorkspace }
            return (own, caller)
        }
        guard let found else { throw AdminRefusal.notFound("workspace") }
        return (found, caller)
    }

    /// What may be said of a workspace when it is made and later.
    private static func columns(_ fields: inout Fields) throws -> Columns {
        var columns = Columns()
        if let host = try fields.value("authHost", .optionalText(1...259)) {
            if let text = host.string, !WebOrigin.isHost(text) {
                throw AdminRefusal.invalid(
                    field: "authHost",
                    "authHost takes a host name in lower case, with a port or not."
                )
            }
            columns.set("auth_host", host)
        }
        if let domain = try fields.value("cookieDomain", .optionalText(3...253)) {
            if let text = domain.string {
                guard WebOrigin.isHost(text), !PublicSuffix.contains(text) else {
                    throw AdminRefusal.invalid(
                        field: "cookieDomain",
                        "cookieDomain takes a domain in lower case that is not a public suffix."
                    )
                }
            }
            columns.set("cookie_domain", domain)
        }
        try fields.set("require_app_identity", of: &columns, from: "requireAppIdentity", .flag)
        try fields.set(
            "exchange_limit",
            of: &columns,
            from: "exchangeLimit",
            .optionalInteger(1...2_000_000_000)
        )
        try fields.set("sign_in_limit", of: &columns, from: "signInLimit", .integer(1...2_000_000_000))
        try fields.set("failure_limit", of: &columns, from: "failureLimit", .integer(1...2_000_000_000))
        return columns
    }
}

extension Optional {
    fileprivate func asyncMap<Value>(_ body: (Wrapped) async throws -> Value) async throws -> Value? {
        guard let self else { return nil }
        return try await body(self)
    }
}
