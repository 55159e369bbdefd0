import Chassis
import Domain
import Hummingbird
import Storage
import Tokens

/// `/api/admin/sso-groups`: which apps share sign-in.
struct GroupHandlers: Sendable {
    let parts: AdminParts

    /// Ways of silent sign-in that a preview lists; it counts all.
    private static let mostWays = 1000

    /// Part of the list, by id; `search` takes the beginning of an id or a name.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        return .page("ssoGroups", try await parts.groups.list(try request.page(), in: scope.workspaceID))
    }

    /// Makes one: `{"id", "name", "apps"}`; the name is the id when it is not given.
    func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        guard let id = try fields.identifier("id") else {
            throw AdminRefusal.invalid(field: "id", "id is missing: it takes 1 to 64 of A-Z a-z 0-9 _ . -")
        }
        let name = try fields.text("name", .text(1...200)) ?? id
        let apps = try fields.apps("apps") ?? []
        try fields.finish()
        let creation = try IdempotentCreation(request, body: fields.bytes, in: scope.workspaceID)
        let response = try await parts.refusing {
            try await creation.make(as: scope.administrator) { json, epoch in
                IdempotentCreation.Answer(
                    json: json,
                    secrets: [],
                    location: "/api/admin/sso-groups/\(id)",
                    epoch: epoch
                )
            } _: { administrator in
                try await parts.groups.create(
                    SSOGroup(id: SSOGroup.ID(id), name: name),
                    apps: apps,
                    in: scope.workspaceID,
                    by: administrator
                )
            }
        }
        parts.notifier.tell()
        return response
    }

    /// One of them, with its apps.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let group = try await parts.groups.find(try Self.id(context), in: scope.workspaceID) else {
            throw AdminRefusal.notFound("SSO group")
        }
        return .thing(group)
    }

    /// Gives one another name.
    func rename(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let name = try fields.requiredText("name", .text(1...200))
        try fields.finish()
        let change = try await parts.refusing {
            try await parts.groups.rename(
                try Self.id(context),
                to: name,
                if: try EntityTag.precondition(request),
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (group, epoch) = try parts.told(change, "SSO group")
        return .thing(group, epoch: epoch)
    }

    /// Removes one; when apps are in it, only with `force=true`.
    func remove(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        let force = try request.isForced()
        let change = try await parts.refusing {
            try await parts.groups.delete(
                try Self.id(context),
                if: try EntityTag.precondition(request),
                mayGo: { apps in
                    guard force || apps == 0 else {
                        throw AdminRefusal.inUse(
                            "Applications share sign-in by this group and would no longer; force=true removes it.",
                            ["applications": String(apps)]
                        )
                    }
                },
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        return .gone(epoch: try parts.told(change, "SSO group").epoch)
    }

    /// Puts an app in: `{"appId"}`; one that is in it stays.
    func add(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        guard let app = try fields.identifier("appId") else {
            throw AdminRefusal.invalid(field: "appId", "appId is missing: it takes the id of an application.")
        }
        try fields.finish()
        guard try await parts.applications.find(ConnectedApp.ID(app), in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("application")
        }
        let change = try await parts.refusing {
            try await parts.groups.add(
                ConnectedApp.ID(app),
                to: try Self.id(context),
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        let (group, epoch) = try parts.told(change, "SSO group")
        return .thing(
            group,
            status: .created,
            location: "/api/admin/sso-groups/\(try Self.id(context).raw)/apps/\(app)",
            epoch: epoch
        )
    }

    /// Takes an app out.
    func take(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        guard let app = context.parameters.get("app").flatMap({ ConnectedApp.ID(text: $0) }) else {
            throw AdminRefusal.notFound("application in the SSO group")
        }
        let change = try await parts.refusing {
            try await parts.groups.remove(
                app,
                from: try Self.id(context),
                notInGroup: AdminRefusal.notFound("application in the SSO group"),
                in: scope.workspaceID,
                by: scope.administrator
            )
        }
        return .gone(epoch: try parts.told(change, "SSO group").epoch)
    }

    /// What would change: `{"add": [...], "remove": [...]}` answers the ways of silent sign-in that would open and close,
    /// with the live sessions that would gain or lose them; nothing is changed.
    func preview(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        var fields = try await Fields(request)
        let added = try fields.apps("add", most: 100) ?? []
        let removed = try fields.apps("remove", most: 100) ?? []
        try fields.finish()
        let id = try Self.id(context)
        // The apps as the database has them now: the view may be a moment behind.
        let apps = try await parts.workspaces.apps(of: scope.workspaceID)
        guard try await parts.groups.find(id, in: scope.workspaceID) != nil else {
            throw AdminRefusal.notFound("SSO group")
        }
        for (field, ids) in [("add", added), ("remove", removed)] {
            if let unknown = ids.first(where: { apps[ConnectedApp.ID($0)] == nil }) {
                throw AdminRefusal.invalid(field: field, "There is no application \(unknown).")
            }
        }
        let current = Set(apps.values.filter { $0.groups.contains(id) }.map(\.id))
        let after = current.union(added.map { ConnectedApp.ID($0) })
            .subtracting(removed.map { ConnectedApp.ID($0) })
        let reach = SignInReach(of: id, becoming: after, among: apps)
        let sources = Set((reach.gained + reach.lost).map(\.from))
        let sessions = try await parts.groups.liveSessions(
            of: sources.sorted { $0.raw < $1.raw },
            in: scope.workspaceID
        )
        return .json { json in
            json.beginObject()
            for (name, ways) in [("gained", reach.gained), ("lost", reach.lost)] {
                json.name(name)
                json.beginArray()
                for way in ways.prefix(Self.mostWays) {
                    json.beginObject()
                    json.text("from", way.from.raw)
                    json.text("to", way.to.raw)
                    json.number("liveSessions", sessions[way.from] ?? 0)
                    json.endObject()
                }
                json.endArray()
            }
            json.number("gainedTotal", reach.gained.count)
            json.number("lostTotal", reach.lost.count)
            for (name, ways) in [("sessionsGaining", reach.gained), ("sessionsLosing", reach.lost)] {
                json.number(name, Set(ways.map(\.from)).reduce(0) { $0 + (sessions[$1] ?? 0) })
            }
            json.endObject()
        }
    }

    private static func id(_ context: ServiceContext) throws -> SSOGroup.ID {
        guard let id = context.parameters.get("group").flatMap({ SSOGroup.ID(text: $0) }) else {
            throw AdminRefusal.notFound("SSO group")
        }
        return id
    }
}

extension Fields {
    /// A list of ids of apps, if it is there.
    mutating func apps(_ name: String, most: Int = 1000) throws -> [String]? {
        try texts(name, most: most, "ids of applications") { ConnectedApp.ID(text: $0) != nil }.flatMap { $0 }
    }
}
