import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage
import Tokens

/// `/api/admin/signing-keys`: what the workspace signs with, and asking the worker to change it.
struct SigningKeyHandlers: Sendable {
    let parts: AdminParts

    /// All of them, newest first: there are few.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        let (keys, now) = try await parts.impacts.keys(of: scope.workspaceID)
        return .json { json in
            json.beginObject()
            json.name("signingKeys")
            json.beginArray()
            for key in keys.sorted(by: { $0.publishedAt > $1.publishedAt }) { json.signingKey(key, at: now) }
            json.endArray()
            json.name("nextCursor")
            json.null()
            json.endObject()
        }
    }

    /// One of them.
    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        let kid = try Self.kid(context)
        let (keys, now) = try await parts.impacts.keys(of: scope.workspaceID)
        guard let key = keys.first(where: { $0.kid == kid }) else {
            throw AdminRefusal.notFound("signing key")
        }
        return .json { json in json.signingKey(key, at: now) }
    }

    /// What hangs on a key.
    func impact(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let impact = try await parts.impacts.impact(of: try Self.kid(context), in: scope.workspaceID)
        else {
            throw AdminRefusal.notFound("signing key")
        }
        return .json { json in json.impact(impact) }
    }

    /// Asks for the next key: `{"mode": "graceful" | "now"}`; 202 with the request's id.
    func rotate(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let mode = try fields.text("mode", .choice(["graceful", "now"])) ?? "graceful"
        let reason = try fields.text("reason", .text(1...500))
        try fields.finish()
        return try await ask(mode == "now" ? .rotateAtOnce : .rotate, .keep, reason, scope)
    }

    /// Says that somebody else has a key: `{"sessions": "keep" | "revoke", "reason"}`; 202 with the request's id.
    func compromise(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .write)
        try request.checkQuery()
        var fields = try await Fields(request)
        let sessions = try fields.text("sessions", .choice(["keep", "revoke"])) ?? "keep"
        let reason = try fields.text("reason", .text(1...500))
        try fields.finish()
        let kid = try Self.kid(context)
        guard try await parts.impacts.keys(of: scope.workspaceID).keys.contains(where: { $0.kid == kid })
        else {
            throw AdminRefusal.notFound("signing key")
        }
        return try await ask(.compromise(kid: kid), sessions == "revoke" ? .revoke : .keep, reason, scope)
    }

    /// How far a request has come, and which nodes have what came of it.
    func progress(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let id = context.parameters.get("request").flatMap({ KeyRequest.ID(anyText: $0) }),
            let progress = try await parts.keyRequests.progress(of: id, in: scope.workspaceID)
        else { throw AdminRefusal.notFound("key request") }
        var nodes: KeyRequestStore.Acknowledgement?
        if let epoch = progress.epoch {
            nodes = try await parts.keyRequests.acknowledgement(of: epoch, in: scope.workspaceID)
        }
        return .json { json in
            json.beginObject()
            json.text("id", id.text)
            json.text("outcome", progress.outcome?.rawValue ?? "waiting")
            json.instant("decidedAt", progress.decidedAt)
            json.optional("epoch", progress.epoch)
            json.number("sessionsRevoked", progress.sessionsRevoked)
            json.name("isRevoking")
            json.bool(progress.isRevoking)
            json.optional("nodes", nodes?.nodes)
            json.optional("nodesMissing", nodes?.missing)
            let taken = nodes.flatMap { nodes in
                nodes.missing == 0
                    ? nodes.lastAt.flatMap { last in progress.decidedAt.map { last.timeIntervalSince($0) } }
                    : nil
            }
            json.optional("acknowledgedMilliseconds", taken.map { Int(max(0, $0) * 1000) })
            json.endObject()
        }
    }

    private func ask(
        _ wish: KeyRequest.Wish,
        _ sessions: KeyRequest.Sessions,
        _ reason: String?,
        _ scope: AdminScope
    ) async throws -> Response {
        let request = KeyRequest(id: KeyRequest.ID(.v7(at: parts.now())), wish: wish, sessions: sessions)
        try await parts.keyRequests.ask(
            request,
            reason: reason,
            in: scope.workspaceID,
            actor: scope.administrator.name,
            requestID: scope.administrator.requestID
        )
        parts.notifier.tell()
        // The worker's answer comes with an epoch of its own, later.
        let epoch = try await parts.nodes.epoch(of: scope.workspaceID)
        var response = Response.json(status: .accepted, epoch: epoch) { json in
            json.beginObject()
            json.text("id", request.id.text)
            json.endObject()
        }
        response.headers[.location] = "/api/admin/signing-keys/requests/\(request.id.text)"
        return response
    }

    private static func kid(_ context: ServiceContext) throws -> String {
        guard let kid = context.parameters.get("kid"), ConnectedApp.ID(text: kid) != nil else {
            throw AdminRefusal.notFound("signing key")
        }
        return kid
    }
}

extension JSONWriter {
    /// A member with a whole number, or null.
    mutating func optional(_ name: String, _ number: Int?) {
        self.name(name)
        if let number { integer(Int64(number)) } else { null() }
    }

    /// A member with a text, or null.
    mutating func optional(_ name: String, _ text: String?) {
        self.name(name)
        if let text { string(text) } else { null() }
    }

    /// A member with a moment, or null.
    mutating func instant(_ name: String, _ date: Date?) {
        optional(name, date.map { WireInstant.write($0) })
    }

    /// A signing key, without what is secret of it.
    fileprivate mutating func signingKey(_ key: SigningKeyRecord, at now: Date) {
        beginObject()
        text("kid", key.kid)
        text("state", key.state(at: now).rawValue)
        text("algorithm", key.algorithm.rawValue)
        optional("rsaBits", key.rsaBits)
        optional("haste", key.haste?.rawValue)
        instant("publishedAt", key.publishedAt)
        instant("activatesAt", key.activatesAt)
        instant("retiresAt", key.retiresAt)
        instant("expiresAt", key.expiresAt)
        instant("compromisedAt", key.compromisedAt)
        number("longestTokenSeconds", key.longestToken)
        endObject()
    }

    /// What hangs on a key.
    fileprivate mutating func impact(_ impact: KeyImpactStore.Impact) {
        beginObject()
        text("kid", impact.key.kid)
        text("state", impact.state.rawValue)
        number("sessions", impact.sessions)
        instant("latestExpiry", impact.latestExpiry)
        instant("newestKeyPublishedAt", impact.newestPublishedAt)
        instant("newestKeyKnownAt", impact.newestKnownAt)
        instant("goneWithoutHarmAt", impact.goneAt)
        name("applications")
        beginArray()
        for app in impact.apps {
            beginObject()
            text("appId", app.appID.raw)
            number("sessions", app.sessions)
            instant("latestExpiry", app.latestExpiry)
            instant("keysFetchedAt", app.fetchedAt)
            name("hasNewestKey")
            bool(app.fetchedAt.map { $0 >= impact.newestPublishedAt } ?? false)
            endObject()
        }
        endArray()
        endObject()
    }
}
