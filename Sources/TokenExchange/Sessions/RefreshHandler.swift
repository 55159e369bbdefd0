import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import Storage
import Tokens

/// `POST /v1/auth/{app}/tokens/refresh`: a new pair for a refresh token, which is then used up.
struct RefreshHandler: Sendable {
    let parts: ServiceParts

    func handle(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try AppScope(request, context, parts)
        let claims = try scope.refreshClaims(request, parts, reissues: true)
        let key = SessionStore.Key(
            workspaceID: scope.workspace.id,
            sessionID: Session.ID(claims.sessionID),
            userID: User.ID(claims.subject),
            appID: scope.app.id
        )
        // No key, no refresh: asked first, because a token that was taken could not be answered.
        guard scope.served.entry.signer(at: scope.now) != nil else {
            throw PlainRefusal.temporarilyUnavailable()
        }
        let (session, generation) = try await take(key, Int(claims.generation), scope, context)
        let grant = SessionGrant(
            workspace: scope.workspace,
            app: scope.app,
            sessionID: session.id,
            userID: session.userID,
            authenticatedAt: session.authenticatedAt,
            methods: session.methods,
            scope: session.scope,
            expiresAt: session.expiresAt,
            generation: generation
        )
        return try grant.answer(keys: scope.served.entry, at: scope.now).response
    }

    private func take(
        _ key: SessionStore.Key,
        _ presented: Int,
        _ scope: AppScope,
        _ context: ServiceContext
    ) async throws -> (Session, generation: Int) {
        for _ in 0..<3 {
            let now = parts.now()
            let facts = try await parts.sessions.refresh(key, generation: presented, at: now)
            switch RefreshPolicy.decide(facts, at: now) {
            case .renewed(let session, let generation): return (session, generation)
            case .refused: throw SessionRefusal.invalidRefreshToken
            case .overtaken: continue
            case .reused(let session):
                try await parts.sessions.endReused(
                    session,
                    presented: presented,
                    in: scope.workspace.id,
                    requestID: context.facts.id.description,
                    at: now
                )
                throw SessionRefusal.refreshTokenReused
            }
        }
        // Overtaken three times in a row: others are moving the session faster than we look.
        throw PlainRefusal.temporarilyUnavailable()
    }
}
