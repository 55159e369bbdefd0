import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `/api/admin/explain`: why a decision is what it is, by the functions that make it.
struct ExplanationHandlers: Sendable {
    let parts: AdminParts

    /// Whether a user's session in one app would become one in another now: `{"userId", "sourceAppId", "targetAppId"}`,
    /// and if wanted `apiKeyId` (else a live key without limits is taken) and `address` (else one that the key takes).
    func exchange(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        var fields = try await Fields(request)
        let way = try Way(&fields)
        let keyID = try fields.text("apiKeyId", .text(32...36)).map { APIKey.ID(anyText: $0) }
        let address = try fields.text("address", .text(2...64))
        try fields.finish()
        if let address, IPAddress(address) == nil {
            throw AdminRefusal.invalid(field: "address", "address takes an IPv4 or IPv6 address.")
        }
        let (snapshot, standing) = try await look(way, scope)
        let assumed = APIKey(id: APIKey.ID(UUID()), secretHash: [])
        let key = keyID.map { id in id.flatMap { snapshot.apiKeys[$0] } } ?? assumed
        let facts = ExchangeFacts(
            // A suspended workspace has no key for anybody.
            apiKey: snapshot.workspace.status == .active ? key : nil,
            callerInNetworks: key.map { $0.takes(address) } ?? false,
            token: .genuine(source: snapshot.apps[way.source]),
            request: .target(snapshot.app(named: way.target.raw)),
            standing: ExchangeFacts.Standing(
                source: AccessFacts(
                    session: standing.session,
                    user: standing.user,
                    membership: standing.source
                ),
                target: standing.target,
                exchangesThisMinute: standing.exchangesThisMinute + 1
            ),
            limits: snapshot.workspace.limits,
            secondsLeftInMinute: 60 - Int(standing.now.timeIntervalSince1970) % 60,
            isReady: snapshot.workspace.status == .active
                && snapshot.signingKeys.contains { $0.state(at: standing.now) == .active },
            now: standing.now
        )
        let decision = ExchangePolicy.decide(facts)
        return .json { json in
            json.beginObject()
            json.name("isAllowed")
            json.bool(decision.refusal == nil)
            json.optional("code", decision.refusal?.code)
            json.optional("failedRule", decision.failedRule?.rawValue)
            json.optional("hint", decision.failedRule.map { ExchangeHint.of($0, facts) })
            json.optional("sessionId", standing.session?.id.text)
            json.name("trace")
            json.beginArray()
            for step in decision.trace { json.step(step.rule.rawValue, step.passed) }
            json.endArray()
            json.endObject()
        }
    }

    /// Whether a user's session in one app signs them in to another silently: `{"userId", "sourceAppId", "targetAppId"}`.
    func authorize(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        var fields = try await Fields(request)
        let way = try Way(&fields)
        try fields.finish()
        let (snapshot, standing) = try await look(way, scope)
        let facts = SharedSignInFacts(
            session: standing.session,
            user: standing.user,
            home: snapshot.apps[way.source],
            app: snapshot.apps[way.target],
            membership: standing.target,
            now: standing.now
        )
        let decision = SharedSignInPolicy.decide(facts)
        return .json { json in
            json.beginObject()
            json.name("isAllowed")
            json.bool(decision.isAllowed)
            json.optional("failedRule", decision.failedRule?.rawValue)
            json.optional("hint", decision.failedRule.map { SharedSignInHint.of($0, facts) })
            json.optional("sessionId", standing.session?.id.text)
            json.name("trace")
            json.beginArray()
            for step in decision.trace { json.step(step.rule.rawValue, step.passed) }
            json.endArray()
            json.endObject()
        }
    }

    /// Why the request of this id was refused: what was written down of it.
    func refusal(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery()
        guard let id = context.parameters.get("request"), id.utf8.count <= 64, !id.utf8.contains(0),
            let refusal = try await parts.explanations.refusal(of: id, in: scope.workspaceID)
        else { throw AdminRefusal.notFound("refusal that was written down") }
        return .json { json in
            json.beginObject()
            json.text("requestId", id)
            json.instant("at", refusal.at)
            json.text("code", refusal.code)
            json.text("failedRule", refusal.rule)
            json.optional("hint", ExchangeRule(rawValue: refusal.rule).map { ExchangeHint.of($0, nil) })
            json.optional("apiKeyId", refusal.apiKeyID?.uuidString.asciiLowercased)
            json.optional("userId", refusal.userID?.uuidString.asciiLowercased)
            json.optional("sessionId", refusal.sessionID?.uuidString.asciiLowercased)
            json.optional("sourceAppId", refusal.sourceAppID)
            json.optional("targetAppId", refusal.targetAppID)
            json.endObject()
        }
    }

    /// The way that is asked about.
    private struct Way {
        let user: User.ID
        let source: ConnectedApp.ID
        let target: ConnectedApp.ID

        init(_ fields: inout Fields) throws {
            let text = try fields.requiredText("userId", .text(32...36))
            guard let user = User.ID(anyText: text) else {
                throw AdminRefusal.invalid(field: "userId", "userId takes the id of a user.")
            }
            self.user = user
            source = try Self.app("sourceAppId", &fields)
            target = try Self.app("targetAppId", &fields)
        }

        private static func app(_ name: String, _ fields: inout Fields) throws -> ConnectedApp.ID {
            guard let id = try fields.identifier(name) else {
                throw AdminRefusal.invalid(
                    field: name,
                    "\(name) is missing: it takes the id of an application."
                )
            }
            return ConnectedApp.ID(id)
        }
    }

    private func look(
        _ way: Way,
        _ scope: AdminScope
    ) async throws -> (WorkspaceSnapshot, ExplanationStore.Standing) {
        guard let snapshot = try await parts.explanations.configuration(of: scope.workspaceID) else {
            throw AdminRefusal.notFound("workspace")
        }
        // A target may be named by its client id, as in an exchange.
        let target = snapshot.app(named: way.target.raw)?.id ?? way.target
        guard
            let standing = try await parts.explanations.standing(
                of: way.user,
                from: way.source,
                to: target,
                in: scope.workspaceID
            )
        else { throw AdminRefusal.notFound("workspace") }
        return (snapshot, standing)
    }
}

extension APIKey {
    /// Whether its networks take an address; none is taken for one of them.
    fileprivate func takes(_ address: String?) -> Bool {
        guard let networks, let ip = address.flatMap({ IPAddress($0) }) else { return true }
        return networks.contains { Network($0)?.contains(ip) ?? false }
    }
}

extension JSONWriter {
    fileprivate mutating func step(_ rule: String, _ passed: Bool) {
        beginObject()
        text("rule", rule)
        name("passed")
        bool(passed)
        endObject()
    }
}
