package import Domain
import FoundationEssentials
package import Postgres

/// One line of a workspace's audit log, before it is written.
package struct AuditEntry: Hashable, Sendable {
    /// Who: `user:<id>`, `admin_token:<id>`, `command_line`, `key-rotator`.
    package let actor: String
    /// What: `<thing>.<act>`, such as `session.refresh_reused`.
    package let action: String
    /// On what: `<thing>:<id>`.
    package let subject: String
    /// JSON of what it was.
    package let before: String?
    /// JSON of what it became.
    package let after: String?
    /// The request that caused it.
    package let requestID: String?

    package init(
        actor: String,
        action: String,
        subject: String,
        before: String? = nil,
        after: String? = nil,
        requestID: String? = nil
    ) {
        self.actor = actor
        self.action = action
        self.subject = subject
        self.before = before
        self.after = after
        self.requestID = requestID
    }
}

/// What was done in a workspace, by whom; each row carries the hash of the one before it.
package enum AuditLog {
    /// The statement that appends an entry, for the transaction that makes the change.
    package static func append(_ entry: AuditEntry, to workspaceID: Workspace.ID) -> BoundStatement<Void> {
        statement.bind(
            workspaceID.raw,
            entry.actor,
            entry.action,
            entry.subject,
            entry.before,
            entry.after,
            entry.requestID
        )
    }

    // The trigger sets sequence, time and hashes; what is given for them here only satisfies the columns.
    static let statement = Statement<UUID, String, String, String, String?, String?, String?, Void>(
        """
        INSERT INTO audit_log (workspace_id, sequence, at, actor, action, subject, before, after, request_id,
            previous_hash, hash)
        VALUES ($1, 0, now(), $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7, '', '')
        """
    )
}
