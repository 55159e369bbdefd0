import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `POST /v1/workspaces/{workspace}/sessions`: a session in the next app for a user's session in this one.
///
/// Parse, authenticate, know, decide, record and mint, answer.
struct ExchangeHandler: Sendable {
    let parts: ServiceParts
    private let meters = ExchangeMeters()

    init(parts: ServiceParts) {
        self.parts = parts
    }

    func handle(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let call = try await ExchangeCall(request, context)
        let caller = try authenticate(call)
        let outcome = try await know(caller, call)
        try decide(caller, outcome, context)
        return try mint(caller, outcome).response
    }

    /// Who is asking and for what, as far as it can be told without the database.
    private struct Caller {
        var facts: ExchangeFacts
        let served: ServiceParts.View.Served?
        let claims: AccessClaims?
        let newSessionID: Session.ID
    }

    private func authenticate(_ call: ExchangeCall) throws -> Caller {
        let now = parts.now()
        let view = try parts.freshView()
        let served = view.workspace(named: call.workspaceName).flatMap {
            $0.snapshot.workspace.status == .active ? $0 : nil
        }
        let (token, claims) = standing(of: call.userToken, at: served, in: view, now: now)
        let apiKey = served.flatMap { call.apiKey?.find(in: $0.snapshot) }
        let facts = ExchangeFacts(
            apiKey: apiKey,
            callerInNetworks: apiKey.map { call.address.isWithin($0.networks) } ?? false,
            token: token,
            request: request(call.wish, at: served),
            standing: .unknown,
            limits: served?.snapshot.workspace.limits ?? WorkspaceLimits(),
            secondsLeftInMinute: now.secondsLeftInWindow(seconds: 60),
            isReady: served?.entry.signer(at: now) != nil && served?.entry.browserSecret() != nil,
            now: now
        )
        return Caller(facts: facts, served: served, claims: claims, newSessionID: Session.ID(.v7(at: now)))
    }

    /// What the database says of everybody involved; the new session is recorded in the same statement, if
    /// all else allows it.
    ///
    /// Nothing is asked when the caller is not even known.
    private func know(_ caller: Caller, _ call: ExchangeCall) async throws -> ExchangeStore.Outcome {
        guard let served = caller.served, let claims = caller.claims, let apiKey = caller.facts.apiKey,
            caller.facts.callerInNetworks
        else {
            return .nothing
        }
        return try await parts.exchanges.attempt(
            ExchangeStore.Attempt(
                workspaceID: served.snapshot.workspace.id,
                sourceSessionID: Session.ID(claims.sessionID),
                userID: User.ID(claims.subject),
                sourceAppID: ConnectedApp.ID(claims.appID),
                target: caller.facts.target,
                isWorthRecording: ExchangePolicy.isWorthRecording(caller.facts),
                apiKeyID: apiKey.id,
                newSessionID: caller.newSessionID,
                address: call.address.ip?.description,
                userAgent: call.userAgent,
                exchangesPerMinute: caller.facts.limits.exchangesPerMinute,
                now: caller.facts.now
            )
        )
    }

    private func decide(_ caller: Caller, _ outcome: ExchangeStore.Outcome, _ context: ServiceContext) throws
    {
        var facts = caller.facts
        facts.standing = outcome.standing
        let decision = ExchangePolicy.decide(facts)
        meters.count(decision.failedRule)
        note(decision, caller, context)
        guard let refusal = decision.refusal else { return }
        throw ExchangeAnswer(refusal: refusal, failedRule: decision.failedRule)
    }

    /// Keeps for operators that the key was used, and why it was of no use.
    private func note(_ decision: ExchangePolicy.Decision, _ caller: Caller, _ context: ServiceContext) {
        guard let key = caller.facts.apiKey, key.isLive(at: caller.facts.now),
            let workspaceID = caller.served?.snapshot.workspace.id
        else { return }
        parts.exchangeLog.used(key.id, in: workspaceID, at: caller.facts.now)
        guard let refusal = decision.refusal, let rule = decision.failedRule else { return }
        parts.exchangeLog.refused(
            ExchangeRefusalStore.Refusal(
                requestID: context.facts.id.description,
                at: caller.facts.now,
                code: refusal.code,
                rule: rule,
                apiKeyID: key.id,
                userID: caller.claims.map { User.ID($0.subject) },
                sessionID: caller.claims.map { Session.ID($0.sessionID) },
                sourceAppID: caller.facts.source?.id,
                targetAppID: caller.facts.target?.id
            ),
            in: workspaceID
        )
    }

    private func mint(_ caller: Caller, _ outcome: ExchangeStore.Outcome) throws -> SessionAnswer {
        guard let served = caller.served, let target = caller.facts.target,
            let expiresAt = outcome.recordedUntil,
            let source = outcome.standing.source.session
        else {
            throw ExchangeNotRecorded()
        }
        let grant = SessionGrant(
            workspace: served.snapshot.workspace,
            app: target,
            sessionID: caller.newSessionID,
            userID: source.userID,
            authenticatedAt: source.authenticatedAt,
            methods: source.methods,
            scope: source.scope,
            expiresAt: expiresAt,
            generation: 1
        )
        return try grant.answer(keys: served.entry, at: caller.facts.now)
    }

    /// What the user token turns out to be.
    ///
    /// At most one signature is verified.
    private func standing(
        of token: UnverifiedToken?,
        at served: ServiceParts.View.Served?,
        in view: ServiceParts.View,
        now: Date
    ) -> (ExchangeFacts.Token, AccessClaims?) {
        guard let token, let served, let issuer = view.workspace(ofIssuer: token.issuer),
            let keys = issuer.entry.published(at: now)?.keys,
            // Why it is not ours is never told; the caller gets one answer for all of it.
            let claims = try? parts.verifier.verifyAccess(token, keys: keys, now: now),
            !claims.isMachine, !claims.isImpersonated
        else {
            return (.invalid, nil)
        }
        guard issuer.snapshot.workspace.id == served.snapshot.workspace.id else {
            return (.ofAnotherWorkspace, nil)
        }
        let source = served.snapshot.apps[ConnectedApp.ID(claims.appID)]
        if let source {
            guard equalBytes(claims.audience, source.audience), equalBytes(claims.clientID, source.clientID)
            else {
                return (.invalid, nil)
            }
        }
        return (.genuine(source: source), claims)
    }

    private func request(
        _ wish: ExchangeCall.Wish,
        at served: ServiceParts.View.Served?
    ) -> ExchangeFacts.Request {
        switch wish {
        case .malformed(let field): .malformed(field: field)
        case .app(let name): .target(served?.snapshot.app(named: name))
        }
    }
}

/// The decision allowed what the database did not record: one of the two is wrong, so nothing is handed out.
struct ExchangeNotRecorded: Error {}

extension ClientAddress {
    /// Whether the address is in one of the networks, or there are none to be in.
    func isWithin(_ networks: [String]?) -> Bool {
        guard let networks else { return true }
        guard let ip else { return false }
        return networks.contains { Network($0)?.contains(ip) ?? false }
    }
}
