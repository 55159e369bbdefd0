package import Domain
package import Postgres

/// Who changes something, as the audit log tells it.
package struct Administrator: Sendable {
    /// `admin_token:<id>`, `platform_admin_token:<id>` or `command_line`.
    package let name: String
    /// The request that asked for it.
    package let requestID: String?
    /// Set when the request may be repeated: a creation is then done once.
    package var idempotency: Idempotency?

    package init(name: String, requestID: String? = nil, idempotency: Idempotency? = nil) {
        self.name = name
        self.requestID = requestID
        self.idempotency = idempotency
    }
}

/// What a change came to.
package struct Administered<Value: Sendable>: Sendable {
    /// What the change answers.
    package let value: Value
    /// The workspace's epoch whose view has it.
    package let epoch: Int
}

/// Throws when a thing is not as whoever changes it believes; it is handed the thing's JSON, under a lock.
package typealias Precondition = @Sendable (_ json: String) throws -> Void

/// A change of one workspace: everything in it happens together or not at all, its entry in the audit log included.
package struct AdministeringTransaction: Sendable {
    /// Where the statements go.
    package let transaction: PostgresTransaction
    /// The workspace.
    package let workspaceID: Workspace.ID
    private let administrator: Administrator

    fileprivate init(
        _ transaction: PostgresTransaction,
        _ workspaceID: Workspace.ID,
        _ administrator: Administrator
    ) {
        self.transaction = transaction
        self.workspaceID = workspaceID
        self.administrator = administrator
    }

    /// Writes down what was done: `action` is `<thing>.<act>`, `subject` is `<thing>:<id>`, the rest JSON.
    package func record(
        _ action: String,
        _ subject: String,
        before: String? = nil,
        after: String? = nil
    ) async throws(PostgresError) {
        let entry = AuditEntry(
            actor: administrator.name,
            action: action,
            subject: subject,
            before: before,
            after: after,
            requestID: administrator.requestID
        )
        _ = try await transaction.query(AuditLog.append(entry, to: workspaceID))
    }

    /// Makes a thing and writes it down; answers it as it now is, or none when it is not there all the same.
    package func make(
        _ action: String,
        _ subject: String,
        by statements: [BoundStatement<Void>],
        reading read: BoundStatement<String>
    ) async throws -> String? {
        try await transaction.batch(statements)
        guard let after = try await transaction.query(read).first else { return nil }
        try await record(action, subject, after: after)
        return after
    }

    /// Changes a thing that is as expected and writes down both; answers what it became, or none when there is none.
    ///
    /// `read` locks what it reads, so that of two who expect the same one is too late.
    package func change(
        _ action: String,
        _ subject: String,
        reading read: BoundStatement<String>,
        if precondition: Precondition?,
        by statements: [BoundStatement<Void>]
    ) async throws -> String? {
        guard let before = try await transaction.query(read).first else { return nil }
        try precondition?(before)
        try await transaction.batch(statements)
        let after = try await transaction.query(read).first
        try await record(action, subject, before: before, after: after)
        return after ?? before
    }
}

extension PostgresPool {
    /// Runs a change of one workspace and answers the epoch that has it.
    ///
    /// Telling the other nodes is the caller's, after it. Throws what `body` throws, or `IdempotentReplay`.
    package func administer<Value: Sendable>(
        _ workspaceID: Workspace.ID,
        by administrator: Administrator,
        _ body: (AdministeringTransaction) async throws -> Value
    ) async throws -> Administered<Value> {
        try await transaction(.readCommitted) { transaction in
            _ = try await transaction.query(Tenant.enter.bind(workspaceID.text))
            let change = AdministeringTransaction(transaction, workspaceID, administrator)
            if let idempotency = administrator.idempotency { try await change.claim(idempotency) }
            let value = try await body(change)
            let epoch =
                try await transaction.query(ConfigurationStatements.epoch.bind(workspaceID.raw)).first ?? 0
            if let idempotency = administrator.idempotency, let json = value as? String {
                try await change.keep(json, epoch: epoch, idempotency)
            }
            return Administered(value: value, epoch: epoch)
        }
    }

    /// Reads what one workspace has, in one round trip.
    package func read<Output>(
        in workspaceID: Workspace.ID,
        _ statement: BoundStatement<Output>
    ) async throws(PostgresError) -> [Output] {
        try await pipeline(Tenant.enter.bind(workspaceID.text), statement).1
    }
}
