import Domain
import Foundation
import Postgres
import Storage
import Testing

/// Each guard, and the write it alone stands against: what `RotationModel` finds when the guard is taken from it.
///
/// Where two guards stand against the same write, both are dropped.
@Suite struct `Without its guard the database takes of signing keys` {
    /// A write, what is committed before it, and the guards that refuse it.
    struct Break: Sendable {
        var rules: [String]
        var before: String?
        var write: String

        init(_ rules: String..., before: String? = nil, write: String) {
            self.rules = rules
            self.before = before
            self.write = write
        }
    }

    static let breaks = [
        Break("signing_keys_published_before_use", write: set("new", "activates_at = now()") + inLine),
        Break(
            "signing_keys_published_now",
            write: insert(published: "now() - interval '1 d'", activates: "now()") + inLine
        ),
        Break(
            "signing_keys_published_as_is",
            write: set("new", "published_at = now() - interval '1 d', activates_at = now()") + inLine
        ),
        Break("signing_keys_published_as_is", write: set("one", "public_key = 'another'")),
        Break(
            "signing_keys_first",
            "signing_keys_one_first",
            write: insert(activates: "now()", haste: "'first'") + inLine
        ),
        Break("signing_keys_emergency", write: insert(activates: "now()", haste: "'emergency'") + inLine),
        Break("signing_keys_outlive_their_tokens", write: set("one", "expires_at = retires_at")),
        Break("signing_keys_longest_token", write: set("one", "longest_token = 0")),
        Break("signing_keys_kept", write: remove("old")),
        Break(
            "signing_keys_past_activation",
            write: set("two", "activates_at = now() - interval '10 s'") + ";"
                + set("one", "retires_at = now(), expires_at = now() + interval '604860 s'")
        ),
        Break(
            "signing_keys_past_retirement",
            write: set("two", "activates_at = now()") + ";"
                + set("one", "retires_at = now() - interval '10 s', expires_at = now() + interval '604850 s'")
        ),
        Break("signing_keys_past_expiry", write: set("gone", "expires_at = now() + interval '9 days'")),
        Break("signing_keys_stay_compromised", write: set("bad", "compromised_at = NULL")),
        Break("signing_keys_erased_late", before: swap, write: set("one", "sealed_private_key = NULL")),
        Break(
            "signing_keys_always_one",
            write: set("one", "retires_at = now() + interval '10 s', expires_at = now() + interval '9 days'")
        ),
        Break("signing_keys_one_at_a_time", write: set("one", "retires_at = NULL, expires_at = NULL")),
        Break(
            "signing_keys_one_activation",
            "signing_keys_one_at_a_time",
            write: insert(activates: "(SELECT activates_at FROM signing_keys WHERE kid LIKE 'new-%')")
        ),
    ]

    @Test(arguments: breaks)
    func `the very write it refuses`(_ broken: Break) async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            if let before = broken.before { try await installation.run(before, in: workspace) }
            let write = broken.write.replacingOccurrences(of: "$id", with: workspace.text)
            for rule in broken.rules {
                await #expect("\(rule) stands") {
                    try await installation.run(write, in: workspace)
                } throws: { error in
                    guard case PostgresError.server(let error) = error else { return false }
                    return broken.rules.contains(error.constraint ?? "")
                }
                try await installation.superuser.transaction { transaction in
                    try await transaction.execute(script: removal(of: rule))
                }
            }
            try await installation.run(write, in: workspace)
        }
    }

    @Test func `a key for tokens that outlive it, when their lifetime is raised`() async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            let raise = "UPDATE apps SET refresh_expiration = 1209600"
            try await installation.superuser.transaction { transaction in
                try await transaction.execute(script: "DROP TRIGGER apps_longest_token ON apps")
            }
            try await installation.run(raise, in: workspace)
            #expect(try await loaded(installation, workspace).allSatisfy { $0.longestToken == 604_800 })
        }
    }

    private func removal(of rule: String) -> String {
        switch rule {
        case "signing_keys_published_before_use", "signing_keys_outlive_their_tokens":
            "ALTER TABLE signing_keys DROP CONSTRAINT \(rule)"
        case "signing_keys_one_activation", "signing_keys_one_first": "DROP INDEX \(rule)"
        case "signing_keys_kept": "DROP TRIGGER signing_keys_guard_removal ON signing_keys"
        case "signing_keys_always_one", "signing_keys_one_at_a_time":
            rewriting("check_signing_chain()", "THEN '\(rule)'", as: "THEN NULL")
        case "signing_keys_emergency":
            rewriting("guard_signing_key()", "broken := '\(rule)'", as: "broken := NULL")
        default: rewriting("guard_signing_key()", "THEN '\(rule)'", as: "AND false THEN '\(rule)'")
        }
    }

    /// Puts a function's text in place again with one clause changed.
    private func rewriting(_ function: String, _ clause: String, as other: String) -> String {
        """
        DO $do$
        DECLARE
            old constant text := pg_get_functiondef('\(function)'::regprocedure);
            new constant text := replace(old, $x$\(clause)$x$, $x$\(other)$x$);
        BEGIN
            ASSERT new <> old, 'there is no such clause';
            EXECUTE new;
        END
        $do$
        """
    }
}

/// What comes together.
@Suite struct `A raise of token lifetimes` {
    @Test func `waits for a worker that is making a key, and raises that too`() async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            let waiting = try await installation.rotator.transaction { worker in
                _ = try await worker.query(Tenant.enter.bind(workspace.text))
                try await worker.execute(
                    script: "SELECT FROM key_schedule WHERE workspace_id = '\(workspace.text)' FOR UPDATE"
                )
                try await worker.execute(script: "SELECT FROM signing_keys FOR UPDATE")
                let script = insert(activates: "now() + interval '90 d'").replacingOccurrences(
                    of: "$id",
                    with: workspace.text
                )
                try await worker.execute(
                    script: script + ";"
                        + set(
                            "new",
                            "retires_at = now() + interval '90 d', expires_at = now() + interval '98 d'"
                        )
                )
                let raising = Task {
                    try await installation.run("UPDATE apps SET refresh_expiration = 1209600", in: workspace)
                }
                _ = try await eventually { try await isWaiting(installation) }
                return raising
            }
            try await waiting.value
            let made = try await loaded(installation, workspace).first { $0.kid.hasPrefix("further") }
            #expect(made?.longestToken == 1_209_600)
        }
    }

    private func isWaiting(_ installation: Installation) async throws -> Bool {
        try await installation.superuser.query(
            Statement<Bool>(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"
            ) { row throws(RowDecodingError) in try row.next(Bool.self) }.bind()
        ).first ?? false
    }
}
