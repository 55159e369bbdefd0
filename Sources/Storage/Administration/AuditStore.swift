package import Domain
package import FoundationEssentials
package import Postgres

/// A workspace's audit log, as operators read and verify it.
package struct AuditStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Which entries are meant.
    package struct Filter: Sendable {
        /// From this moment.
        package var from: Date?
        /// Before this moment.
        package var to: Date?
        /// Of this request.
        package var requestID: String?

        package init(from: Date? = nil, to: Date? = nil, requestID: String? = nil) {
            self.from = from
            self.to = to
            self.requestID = requestID
        }
    }

    /// Part of the log, newest first.
    ///
    /// One round trip.
    package func list(
        _ filter: Filter,
        _ page: PageRequest,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> Page {
        let before = page.after.flatMap { Int($0) }
        let found = try await pool.read(
            in: workspaceID,
            AuditStatements.newest.bind(
                workspaceID.raw,
                before,
                filter.from,
                filter.to,
                filter.requestID,
                page.fetched
            )
        )
        return Page(found, page)
    }

    /// The entries after a sequence, oldest first, at most a thousand.
    ///
    /// One round trip.
    package func entries(
        after sequence: Int,
        _ filter: Filter,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> [Page.Item] {
        try await pool.read(
            in: workspaceID,
            AuditStatements.oldest.bind(
                workspaceID.raw,
                sequence,
                filter.from,
                filter.to,
                filter.requestID,
                1000
            )
        )
    }

    /// What verifying found.
    package enum Verdict: Hashable, Sendable {
        /// Every entry is where and as it was written; how many there are, and up to which they were pruned by age.
        case intact(entries: Int, prunedThrough: Int)
        /// An entry is not as it was written.
        case altered(sequence: Int)
        /// An entry is missing.
        case missing(sequence: Int)
        /// An entry does not follow the one before it.
        case reordered(sequence: Int)
    }

    /// Follows the chain from its first entry to its head.
    ///
    /// A round trip for each thousand entries, within one snapshot.
    package func verify(_ workspaceID: Workspace.ID) async throws -> Verdict {
        try await pool.transaction(.repeatableRead, deadline: .seconds(30)) { transaction in
            let (_, heads) = try await transaction.pipeline(
                Tenant.enter.bind(workspaceID.text),
                AuditStatements.head.bind(workspaceID.raw)
            )
            guard let head = heads.first else { return .intact(entries: 0, prunedThrough: 0) }
            var (sequence, hash, count) = (head.prunedThrough, head.prunedHash, 0)
            while true {
                let links = try await transaction.query(AuditStatements.links.bind(workspaceID.raw, sequence))
                for link in links {
                    guard link.sequence == sequence + 1 else { return .missing(sequence: sequence + 1) }
                    guard link.computed == link.hash else { return .altered(sequence: link.sequence) }
                    guard link.previous == hash else { return .reordered(sequence: link.sequence) }
                    (sequence, hash, count) = (link.sequence, link.hash, count + 1)
                }
                if links.isEmpty { break }
            }
            guard sequence == head.sequence else { return .missing(sequence: sequence + 1) }
            guard hash == head.hash else { return .altered(sequence: sequence) }
            return .intact(entries: count, prunedThrough: head.prunedThrough)
        }
    }
}

/// An entry of the audit log as operators see it.
enum AuditRow {
    static let columns = """
        json_build_object(
            'sequence', sequence, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', actor, 'action', action, 'subject', subject, 'before', before, 'after', after,
            'requestId', request_id, 'hash', encode(hash, 'hex')
        )::text
        """
}

enum AuditStatements {
    static let newest = Statement<UUID, Int?, Date?, Date?, String?, Int, Page.Item>(
        """
        SELECT \(AuditRow.columns), sequence::text
        FROM audit_log
        WHERE workspace_id = $1
            AND sequence < coalesce($2, 9223372036854775807)
            AND ($3 IS NULL OR at >= $3)
            AND ($4 IS NULL OR at < $4)
            AND ($5 IS NULL OR request_id = $5)
        ORDER BY audit_log.sequence DESC
        LIMIT $6
        """,
        decode: Page.Item.decode
    )

    static let oldest = Statement<UUID, Int, Date?, Date?, String?, Int, Page.Item>(
        """
        SELECT \(AuditRow.columns), sequence::text
        FROM audit_log
        WHERE workspace_id = $1
            AND sequence > $2
            AND ($3 IS NULL OR at >= $3)
            AND ($4 IS NULL OR at < $4)
            AND ($5 IS NULL OR request_id = $5)
        ORDER BY audit_log.sequence
        LIMIT $6
        """,
        decode: Page.Item.decode
    )

    static let head = Statement<
        UUID, (sequence: Int, hash: [UInt8], prunedThrough: Int, prunedHash: [UInt8])
    >(
        """
        SELECT sequence, hash, pruned_through, coalesce(pruned_hash, sha256(convert_to($1::text, 'UTF8')))
        FROM audit_heads
        WHERE workspace_id = $1
        """
    ) { row throws(RowDecodingError) in
        (
            sequence: try row.next(Int.self), hash: try row.next([UInt8].self),
            prunedThrough: try row.next(Int.self), prunedHash: try row.next([UInt8].self)
        )
    }

    static let links = Statement<
        UUID, Int, (sequence: Int, previous: [UInt8], hash: [UInt8], computed: [UInt8])
    >(
        """
        SELECT sequence, previous_hash, hash, audit_hash(audit_log)
        FROM audit_log
        WHERE workspace_id = $1
            AND sequence > $2
        ORDER BY audit_log.sequence
        LIMIT 1000
        """
    ) { row throws(RowDecodingError) in
        (
            sequence: try row.next(Int.self), previous: try row.next([UInt8].self),
            hash: try row.next([UInt8].self), computed: try row.next([UInt8].self)
        )
    }
}
