import Domain
import FoundationEssentials
import Postgres

/// The columns that every look at a session reads, in this order: the session, whether an ancestor is revoked, the
/// standing of its user, and their standing in the app the token was issued to.
enum AccessRow {
    static let columns = """
        s.id, s.user_id, s.app_id, s.ancestors, s.authenticated_at, s.amr, s.scope, s.generation, s.rotated_at, \
        s.created_at, s.last_used_at, s.expires_at, s.idle_timeout, s.revoked_at, \
        CASE WHEN cardinality(s.ancestors) = 0 THEN false ELSE any_session_revoked($1, s.ancestors) END
        """

    static func decode(_ row: inout RowReader) throws(RowDecodingError) -> AccessFacts {
        let session = try session(&row)
        return AccessFacts(
            session: session,
            user: try row.next(User.Status?.self),
            membership: try row.next(Membership.Status?.self)
        )
    }

    static func session(_ row: inout RowReader) throws(RowDecodingError) -> Session {
        Session(
            id: Session.ID(try row.next(UUID.self)),
            userID: User.ID(try row.next(UUID.self)),
            appID: try row.next(String?.self).map { ConnectedApp.ID($0) },
            ancestors: try row.next([UUID].self).map { Session.ID($0) },
            authenticatedAt: try row.next(Date.self),
            methods: try row.next([String].self),
            scope: try row.next(String.self),
            generation: try row.next(Int.self),
            rotatedAt: try row.next(Date?.self),
            createdAt: try row.next(Date.self),
            lastUsedAt: try row.next(Date.self),
            expiresAt: try row.next(Date.self),
            idleTimeout: try row.next(Int.self),
            revokedAt: try row.next(Date?.self),
            endedAbove: try row.next(Bool.self)
        )
    }
}
