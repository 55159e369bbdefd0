import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/applications`: the workspace's apps.
struct ApplicationHandlers: Sendable {
    let parts: AdminParts

    /// Part of the list, by id; `search` takes the beginning of an id or a name.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        return .page(
            "applications",
            try await parts.applications.list(try request.page(), in: scope.workspaceID)
        )
    }

    /// Registers one; a client secret is answered here and never again.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let chosen = try fields.identifier("id")
        if let chosen, !ConnectedApp.ID(chosen).mayBeChosen {
            throw AdminRefusal.invalid(
                field: "id",
                "An id that is chosen begins neither with app_ nor with scli_."
            )
        }
        let id = chosen ?? "app_" + SecureRandom.alphanumerics(20)
        var form = try ApplicationForm(&fields)
        if let group = try fields.identifier("ssoGroupId") {
            form.belongings.groups = (form.belongings.groups ?? []).filter { $0 != group } + [group]
        }
        try fields.finish()
        let secret = form.clientType == .native ? nil : SecureRandom.secret()
        let clientID = "scli_" + SecureRandom.alphanumerics(24)
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        let (columns, belongings) = (form.columns.json, form.belongings)
        let response = try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: secret.map { [("clientSecret", $0)] } ?? [],
                    location: "/api/admin/applications/\(id)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.applications.create(
                    ConnectedApp.ID(id),
                    clientID: clientID,
                    clientSecretHash: secret.map { SecretHash(of: $0).bytes },
                    columns: columns,
                    belongings: belongings,
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
        guard let app = try await parts.applications.find(Self.id(context), in: scope.workspaceID) else {
            throw AdminRefusal.notFound("application")
        }
        return .thing(app)
    }

    /// Changes what the body names.
    func update(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        let id = try Self.id(context)
        var fields = try await Fields(request)
        let form = try ApplicationForm(&fields)
        try fields.finish()
        let precondition = try EntityTag.precondition(request)
        let change = try await parts.refusing {
            try await parts.applications.change(
                id,
                columns: form.columns.json,
                belongings: form.belongings,
                if: precondition,
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (app, epoch) = try parts.told(change, "application")
        return .thing(app, epoch: epoch)
    }

    /// Removes one with its memberships and sessions; when it has any, only with `force=true`.
    func remove(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        let force = try request.isForced()
        let change = try await parts.refusing {
            try await parts.applications.remove(
                try Self.id(context),
                if: try EntityTag.precondition(request),
                mayGo: { hold in
                    guard force || hold.members == 0 && hold.sessions == 0 else {
                        throw AdminRefusal.inUse(
                            "The application has members or live sessions, which go with it; force=true removes them.",
                            ["members": String(hold.members), "sessions": String(hold.sessions)]
                        )
                    }
                },
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        return .gone(epoch: try parts.told(change, "application").epoch)
    }

    /// Gives one another client secret, answered here and never again; the one before is taken for `overlap` seconds.
    func rotateSecret(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let overlap = try fields.integer("overlapSeconds", 0...2_592_000) ?? 86_400
        try fields.finish()
        let secret = SecureRandom.secret()
        let change = try await parts.refusing {
            try await parts.applications.rotateSecret(
                of: try Self.id(context),
                to: SecretHash(of: secret).bytes,
                overlap: overlap,
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (app, epoch) = try parts.told(change, "application")
        return .thing(app, adding: [("clientSecret", secret)], epoch: epoch)
    }

    /// The app that the path names; what cannot be an id names none.
    static func id(_ context: ServiceContext) throws -> ConnectedApp.ID {
        guard let id = context.parameters.get("application").flatMap({ ConnectedApp.ID(text: $0) }) else {
            throw AdminRefusal.notFound("application")
        }
        return id
    }
}

/// What a body says of an app.
struct ApplicationForm: Sendable {
    var columns = Columns()
    var belongings = ApplicationStore.Belongings()
    let clientType: ConnectedApp.ClientType?

    init(_ fields: inout Fields) throws {
        try fields.set("name", of: &columns, from: "name", .text(1...200))
        try fields.set("audience", of: &columns, from: "audience", .text(1...255))
        try fields.set("status", of: &columns, from: "status", .choice(["active", "suspended"]))
        try fields.set(
            "exchange_policy",
            of: &columns,
            from: "exchangePolicy",
            .choice(["workspace", "sso_group", "none"])
        )
        try fields.set(
            "signup_policy",
            of: &columns,
            from: "signupPolicy",
            .choice(["open", "invite_only", "admin_approval", "auto_on_first_access"])
        )
        try fields.set("access_expiration", of: &columns, from: "accessExpiration", .integer(60...604_800))
        try fields.set(
            "refresh_expiration",
            of: &columns,
            from: "refreshExpiration",
            .integer(3600...31_536_000)
        )
        try fields.set("session_timeout", of: &columns, from: "sessionTimeout", .integer(60...31_536_000))
        try fields.set("refresh_payload", of: &columns, from: "refreshPayload", .flag)
        let type = try fields.value("clientType", .choice(["web", "native"]))
        if let type { columns.set("client_type", type) }
        clientType = type?.string.flatMap { ConnectedApp.ClientType(rawValue: $0) }
        belongings.origins = try fields.texts("origins", "origins such as https://app.example.com") {
            WebOrigin.isOrigin($0)
        }.flatMap { $0 }
        belongings.redirectURIs = try fields.texts("redirectUris", "redirect URIs without a fragment") {
            RedirectURI.isRegistrable($0)
        }.flatMap { $0 }
        belongings.groups = try fields.texts("ssoGroups", "ids of SSO groups") {
            SSOGroup.ID(text: $0) != nil
        }.flatMap { $0 }
    }
}

/// Where an authorization answer may be sent (RFC 6749 section 3.1.2, RFC 8252 section 7).
enum RedirectURI {
    /// Whether an app may register it: an absolute URI without a fragment; `http` on loopback alone.
    static func isRegistrable(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (3...2000).contains(bytes.count), bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x23 }),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, colon + 1 < bytes.count
        else { return false }
        // In lower case, as browsers send it: another would never be matched.
        let scheme = String(decoding: bytes[..<colon], as: UTF8.self)
        guard let first = scheme.utf8.first, (0x61...0x7a).contains(first),
            scheme.utf8.allSatisfy({
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e].contains($0)
            }),
            !["javascript", "data", "vbscript", "file", "blob", "about"].contains(scheme)
        else { return false }
        guard scheme == "http" || scheme == "https" else { return true }
        let rest = bytes[(colon + 1)...]
        guard rest.starts(with: "//".utf8) else { return false }
        let authority = rest.dropFirst(2).prefix { $0 != 0x2f && $0 != 0x3f }
        guard !authority.isEmpty, !authority.contains(UInt8(ascii: "@")), !authority.contains(0x5c) else {
            return false
        }
        let loopback = ["localhost", "127.0.0.1", "[::1]"]
        return scheme == "https"
            || loopback.contains { host in
                authority.elementsEqual(host.utf8) || authority.starts(with: "\(host):".utf8)
            }
    }
}
