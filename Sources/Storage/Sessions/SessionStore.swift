package import Domain
package import FoundationEssentials
package import Postgres

/// Sessions as their apps use them: look, refresh, list, end.
package struct SessionStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What opens a session: the ids that an access or refresh token carries.
    package struct Key: Hashable, Sendable {
        /// The workspace it is in.
        package let workspaceID: Workspace.ID
        /// The session.
        package let sessionID: Session.ID
        /// The user.
        package let userID: User.ID
        /// The app the token was issued to.
        package let appID: ConnectedApp.ID

        package init(
            workspaceID: Workspace.ID,
            sessionID: Session.ID,
            userID: User.ID,
            appID: ConnectedApp.ID
        ) {
            self.workspaceID = workspaceID
            self.sessionID = sessionID
            self.userID = userID
            self.appID = appID
        }
    }

    /// The facts on a session and its user, with the user's own row.
    ///
    /// One round trip.
    package func access(_ key: Key) async throws(PostgresError) -> (facts: AccessFacts, user: User?) {
        let (_, rows) = try await pool.pipeline(
            Tenant.enter.bind(key.workspaceID.text),
            SessionStatements.access.bind(
                key.workspaceID.raw,
                key.sessionID.raw,
                key.userID.raw,
                key.appID.raw
            )
        )
        return rows.first ?? (AccessFacts(session: nil, user: nil, membership: nil), nil)
    }

    /// Takes a refresh token of `generation` if it is the current one, or the one before within the grace,
    /// and answers what was found and taken.
    ///
    /// One conditional statement, one round trip.
    package func refresh(
        _ key: Key,
        generation: Int,
        at now: Date
    ) async throws(PostgresError) -> RefreshFacts {
        let (_, rows) = try await pool.pipeline(
            Tenant.enter.bind(key.workspaceID.text),
            SessionStatements.refresh.bind(
                key.workspaceID.raw,
                key.sessionID.raw,
                key.userID.raw,
                key.appID.raw,
                generation,
                now,
                Int(RefreshPolicy.grace)
            )
        )
        guard let row = rows.first else {
            let nothing = AccessFacts(session: nil, user: nil, membership: nil)
            return RefreshFacts(access: nothing, presented: generation, taken: nil)
        }
        return RefreshFacts(access: row.facts, presented: generation, taken: row.taken)
    }

    /// Moves the session's last use to `now`, at most once a minute: more often nothing is written, and no round trip
    /// is made.
    package func touch(
        _ session: Session,
        in workspaceID: Workspace.ID,
        at now: Date
    ) async throws(PostgresError) {
        guard now.timeIntervalSince(session.lastUsedAt) >= 60 else { return }
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SessionStatements.touch.bind(workspaceID.raw, session.id.raw, now)
        )
    }

    /// Ends a session and everything exchanged from it.
    ///
    /// Answers how many ended now. One statement; whatever is being exchanged from them at this moment is
    /// dead too, since a session lives only while its ancestors do.
    package func end(
        _ sessionID: Session.ID,
        of userID: User.ID,
        in workspaceID: Workspace.ID,
        reason: String,
        at now: Date
    ) async throws(PostgresError) -> Int {
        let (_, ended) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SessionStatements.end.bind(workspaceID.raw, sessionID.raw, userID.raw, now, reason)
        )
        return ended.count
    }

    /// Ends the whole tree a reused refresh token belongs to and writes why into the audit log, in one transaction.
    package func endReused(
        _ session: Session,
        presented generation: Int,
        in workspaceID: Workspace.ID,
        requestID: String,
        at now: Date
    ) async throws(PostgresError) {
        let entry = AuditEntry(
            actor: "user:\(session.userID.text)",
            action: "session.refresh_reused",
            subject: "session:\(session.id.text)",
            after:
                #"{"root":"\#(session.root.text)","presented":\#(generation),"current":\#(session.generation)}"#,
            requestID: requestID
        )
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SessionStatements.end.bind(
                workspaceID.raw,
                session.root.raw,
                session.userID.raw,
                now,
                "refresh_token_reused"
            ),
            AuditLog.append(entry, to: workspaceID)
        )
    }

    /// The live sessions of a user in one app, newest first.
    ///
    /// One round trip.
    package func live(
        of userID: User.ID,
        in appID: ConnectedApp.ID,
        workspaceID: Workspace.ID,
        at now: Date
    ) async throws(PostgresError) -> [ListedSession] {
        let (_, sessions) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            SessionStatements.live.bind(workspaceID.raw, userID.raw, appID.raw, now)
        )
        return sessions
    }
}

/// A session as its user sees it in a list.
package struct ListedSession: Hashable, Sendable {
    /// The session.
    package let session: Session
    /// The address it was made from.
    package let address: String?
    /// What the caller says it is.
    package let userAgent: String?
}
