package import Domain
import FoundationEssentials
package import Postgres

/// Takes people over from elsewhere, many at a time.
package struct UserImportStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Adds those of a batch whose address is not there yet; answers how many.
    ///
    /// `users` is a JSON array of objects with the columns of a user. One transaction with its audit entry, so whatever
    /// ends an import, running it again goes on where it was.
    package func add(
        _ users: String,
        to workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Int {
        try await pool.administer(workspaceID, by: administrator) { change in
            let added = try await change.transaction.query(
                UserImportStatements.add.bind(workspaceID.raw, users)
            )
            let count = added.first ?? 0
            if count > 0 {
                try await change.record("user.import", "user:many", after: #"{"count":\#(count)}"#)
            }
            return count
        }.value
    }
}

enum UserImportStatements {
    static let add = Statement<UUID, String, Int>(
        """
        WITH added AS (
            INSERT INTO users (workspace_id, id, email, email_key, email_verified, name, image, password_hash, created_at)
            SELECT $1, id, email, email_key, email_verified, name, image, password_hash, coalesce(created_at, now())
            FROM jsonb_to_recordset($2::text::jsonb) AS given (
                id uuid, email text, email_key text, email_verified boolean, name text, image text, password_hash text,
                created_at timestamptz
            )
            ON CONFLICT DO NOTHING
            RETURNING id
        )
        SELECT count(*) FROM added
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}
