import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The audit log` {
    @Test func `is a chain without gaps however many append at once`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let rival = try await installation.workspace()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    let pool = writer.isMultiple(of: 2) ? installation.exchange : installation.administration
                    group.addTask {
                        for number in 0..<20 {
                            let target = number.isMultiple(of: 4) ? rival : workspace
                            try await append("entry-\(writer)-\(number)", to: target, through: pool)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await brokenLinks(installation, in: workspace) == [])
            #expect(try await brokenLinks(installation, in: rival) == [])
            let lengths = try await installation.texts(
                "SELECT concat_ws(' ', min(sequence), max(sequence), count(*)) FROM audit_log GROUP BY workspace_id"
            )
            #expect(Set(lengths) == ["1 120 120", "1 40 40"])
        }
    }

    @Test func `leaves no place for an entry whose transaction is rolled back`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            try await append("first", to: workspace, through: installation.exchange)
            struct Undo: Error {}
            await #expect(throws: Undo.self) {
                try await installation.exchange.transaction { transaction in
                    _ = try await transaction.pipeline(
                        Tenant.enter.bind(workspace.text),
                        AuditLog.append(entry("undone"), to: workspace)
                    )
                    throw Undo()
                }
            }
            try await append("second", to: workspace, through: installation.exchange)
            #expect(try await brokenLinks(installation, in: workspace) == [])
            #expect(
                try await installation.texts("SELECT subject FROM audit_log ORDER BY sequence") == [
                    "first", "second",
                ]
            )
        }
    }

    @Test func `shows where it was changed afterwards`() async throws {
        try await withInstallation { installation in
            for change in changes {
                let workspace = try await installation.workspace()
                for number in 1...5 {
                    try await append("entry-\(number)", to: workspace, through: installation.exchange)
                }
                #expect(try await brokenLinks(installation, in: workspace) == [])
                try await installation.run(
                    change.replacingOccurrences(
                        of: "sequence = 3;",
                        with: "sequence = 3 AND workspace_id = '\(workspace.text)'"
                    )
                )
                #expect(try await brokenLinks(installation, in: workspace) != [], "\(change)")
            }
        }
    }

    @Test func `keeps what it was given`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let entry = AuditEntry(
                actor: "user:1",
                action: "application.update",
                subject: "application:studio",
                before: #"{"name":"Stúdio \"old\""}"#,
                after: #"{"name":null}"#,
                requestID: "r-1"
            )
            _ = try await installation.administration.pipeline(
                Tenant.enter.bind(workspace.text),
                AuditLog.append(entry, to: workspace)
            )
            let kept = try await installation.texts(
                """
                SELECT concat_ws('|', actor, action, subject, before->>'name', after::text, request_id)
                FROM audit_log
                """
            )
            #expect(
                kept == [#"user:1|application.update|application:studio|Stúdio "old"|{"name": null}|r-1"#]
            )
        }
    }

    /// Each changes the third of five entries, behind the back of the trigger.
    private let changes = [
        "UPDATE audit_log SET actor = 'nobody' WHERE sequence = 3;",
        "UPDATE audit_log SET action = 'thing.other' WHERE sequence = 3;",
        "UPDATE audit_log SET subject = 'entry-3 ' WHERE sequence = 3;",
        "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE sequence = 3;",
        "UPDATE audit_log SET before = NULL WHERE sequence = 3;",
        "UPDATE audit_log SET after = before, before = after WHERE sequence = 3;",
        "UPDATE audit_log SET request_id = NULL WHERE sequence = 3;",
        "DELETE FROM audit_log WHERE sequence = 3;",
        "UPDATE audit_log SET sequence = 6 WHERE sequence = 3;",
    ]

    /// The sequence numbers of the entries that do not follow from the one before, as an operator reads them.
    private func brokenLinks(_ installation: Installation, in workspace: Workspace.ID) async throws -> [Int] {
        let (_, broken) = try await installation.administration.pipeline(
            Tenant.enter.bind(workspace.text),
            brokenLinksStatement.bind(workspace.raw)
        )
        return broken
    }

    private func entry(_ subject: String) -> AuditEntry {
        AuditEntry(
            actor: "tests",
            action: "thing.done",
            subject: subject,
            before: #"{"a":1}"#,
            after: #"{"a":2}"#,
            requestID: "request"
        )
    }

    private func append(
        _ subject: String,
        to workspace: Workspace.ID,
        through pool: PostgresPool
    ) async throws {
        _ = try await pool.pipeline(
            Tenant.enter.bind(workspace.text),
            AuditLog.append(entry(subject), to: workspace)
        )
    }
}

private let brokenLinksStatement = Statement<UUID, Int>(
    """
    SELECT linked.sequence
    FROM (
        SELECT entry.sequence, entry.hash, entry.previous_hash, audit_hash(entry) AS expected,
            lag(entry.hash) OVER (ORDER BY entry.sequence) AS before,
            lag(entry.sequence, 1, 0::bigint) OVER (ORDER BY entry.sequence) AS previous
        FROM audit_log AS entry
        WHERE entry.workspace_id = $1
    ) AS linked
    WHERE hash <> expected
        OR previous_hash <> coalesce(before, sha256(convert_to($1::text, 'UTF8')))
        OR sequence <> previous + 1
    """
) { row throws(RowDecodingError) in try row.next(Int.self) }
