import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The worker's view of keys` {
    @Test func `finds a new workspace due at once, without key and secret`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            #expect(try await store.due(limit: 10) == [])
            #expect(try await store.nextDue() == nil)
            let workspace = try await installation.workspace()
            try await installation.run(
                "UPDATE workspaces SET signing_algorithm = 'ES256', rsa_bits = 3072",
                in: workspace
            )
            let due = try #require(try await store.due(limit: 10).first)
            #expect(due.workspaceID == workspace)
            #expect(due.algorithm == .es256)
            #expect(due.rsaBits == 3072)
            #expect(!due.hasKey)
            #expect(!due.hasBrowserSecret)
            #expect(try await store.nextDue() != nil)
        }
    }

    @Test func `records the first key and secret once, and looks again when told to`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = KeyStore(pool: installation.rotator)
            let key = key()
            let secret = StoredSecret(id: "one", sealed: [1, 2, 3])
            func record() async throws -> Bool {
                try await store.record(key, browserSecret: secret, for: workspace, nextLook: .seconds(3600))
            }
            #expect(try await record())
            #expect(try await store.due(limit: 10) == [])
            let next = try #require(try await store.nextDue())
            #expect(abs(next.timeIntervalSinceNow - 3600) < 60)

            let snapshot = try await ConfigurationStore(pool: installation.exchange).load(workspace)
            #expect(snapshot?.signingKeys == [key])
            #expect(snapshot?.browserSecret == secret)
            let entries = try await installation.texts(
                "SELECT concat_ws(' ', actor, action, subject) FROM audit_log"
            )
            #expect(entries == ["key-rotator signing_key.create signing_key:\(key.kid)"])

            // Not due: whoever comes late writes nothing.
            #expect(try await !record())
        }
    }

    @Test func `keeps the key that is there, whatever a late worker made`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = KeyStore(pool: installation.rotator)
            _ = try await store.record(
                key(),
                browserSecret: StoredSecret(id: "one", sealed: [1]),
                for: workspace,
                nextLook: .zero
            )
            #expect(try await store.due(limit: 10).map(\.hasKey) == [true])
            #expect(try await store.due(limit: 10).map(\.hasBrowserSecret) == [true])
            let written = try await store.record(
                key(activates: after(1)),
                browserSecret: StoredSecret(id: "two", sealed: [2]),
                for: workspace,
                nextLook: .seconds(60)
            )
            #expect(!written)
            #expect(try await installation.number("SELECT count(*) FROM signing_keys") == 1)
            #expect(try await installation.texts("SELECT id FROM workspace_secrets") == ["one"])
        }
    }

    @Test func `gives a workspace one key though many workers come at once`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            for _ in 0..<10 {
                let workspace = try await installation.workspace()
                let written = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for worker in 0..<6 {
                        group.addTask {
                            try await store.record(
                                key(activates: after(TimeInterval(worker))),
                                browserSecret: StoredSecret(id: "\(worker)", sealed: [1]),
                                for: workspace,
                                nextLook: .seconds(60)
                            )
                        }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(written == 1)
            }
            #expect(try await installation.number("SELECT count(*) FROM signing_keys") == 10)
            #expect(try await installation.number("SELECT count(*) FROM workspace_secrets") == 10)
        }
    }

    @Test func `passes over a workspace that another worker holds, without waiting`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = KeyStore(pool: installation.rotator)
            let written = try await installation.superuser.transaction { other in
                try await other.execute(script: "SELECT FROM key_schedule FOR UPDATE")
                return try await store.record(key(), browserSecret: nil, for: workspace, nextLook: .zero)
            }
            #expect(!written)
            #expect(try await store.record(key(), browserSecret: nil, for: workspace, nextLook: .zero))
        }
    }

    @Test func `sees no key in one that retires or is compromised`() async throws {
        try await withInstallation { installation in
            let store = KeyStore(pool: installation.rotator)
            for change in [
                "compromised_at = now()", "retires_at = now()",
                "retires_at = now(), expires_at = now() + interval '1 hour'",
            ] {
                let workspace = try await installation.workspace()
                _ = try await store.record(key(), browserSecret: nil, for: workspace, nextLook: .zero)
                #expect(
                    try await store.due(limit: 10).filter { $0.workspaceID == workspace }.map(\.hasKey) == [
                        true
                    ]
                )
                try await installation.run(
                    "UPDATE signing_keys SET \(change) WHERE workspace_id = '\(workspace.text)'",
                    in: workspace
                )
                #expect(
                    try await store.due(limit: 10).filter { $0.workspaceID == workspace }.map(\.hasKey) == [
                        false
                    ]
                )
                try await installation.run("DELETE FROM key_schedule")
            }
        }
    }

    @Test func `lists those longest due first, as many as are asked for`() async throws {
        try await withInstallation { installation in
            var workspaces: [Workspace.ID] = []
            for _ in 0..<4 { workspaces.append(try await installation.workspace()) }
            for (hours, workspace) in [(2, 0), (4, 1), (-1, 2), (3, 3)] {
                try await installation.run(
                    """
                    UPDATE key_schedule
                    SET next_at = now() - make_interval(hours => \(hours))
                    WHERE workspace_id = '\(workspaces[workspace].text)'
                    """
                )
            }
            let store = KeyStore(pool: installation.rotator)
            let expected = [workspaces[1], workspaces[3], workspaces[0]]
            #expect(try await store.due(limit: 10).map(\.workspaceID) == expected)
            #expect(try await store.due(limit: 2).map(\.workspaceID) == Array(expected.prefix(2)))
        }
    }

    @Test func `is not held up by a workspace that is gone`() async throws {
        try await withInstallation { installation in
            let gone = try await installation.workspace()
            try await installation.run("UPDATE key_schedule SET next_at = now() - interval '1 day'")
            try await installation.run("DELETE FROM workspaces WHERE id = '\(gone.text)'", in: gone)
            let workspace = try await installation.workspace()
            let store = KeyStore(pool: installation.rotator)
            #expect(try await store.due(limit: 1) == [])
            #expect(try await store.due(limit: 1).map(\.workspaceID) == [workspace])
            try await installation.run("DELETE FROM key_schedule WHERE workspace_id = '\(workspace.text)'")
            #expect(try await store.nextDue() == nil)
        }
    }
}

private func key(activates: Date = now) -> SigningKeyRecord {
    SigningKeyRecord(
        kid: "\(UUID().uuidString.lowercased())_1750000000",
        algorithm: .rs256,
        publicKey: [1, 2, 3],
        sealedPrivateKey: [4, 5, 6],
        publishedAt: now,
        activatesAt: activates
    )
}
