import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The configuration of a workspace` {
    @Test func `is read whole`() async throws {
        try await withInstallation { installation in
            let id = try await installation.workspace(slug: "demo")
            let rival = try await installation.workspace(slug: "rival")
            let key = APIKey.ID(UUID.v7(at: now))
            try await installation.run(
                """
                UPDATE workspaces
                SET status = 'suspended', auth_host = 'auth.demo.example', cookie_domain = 'demo.example',
                    require_app_identity = true, exchange_limit = 5, sign_in_limit = 6, failure_limit = 7
                WHERE id = '\(id.text)';
                INSERT INTO sso_groups (workspace_id, id, name) VALUES ('\(id.text)', 'suite', 'Suite'), ('\(id.text)', 'b', 'B');
                INSERT INTO apps (workspace_id, id, client_id, name, audience, client_type, status, exchange_policy,
                    signup_policy, access_expiration, refresh_expiration, session_timeout, refresh_payload)
                VALUES ('\(id.text)', 'studio', 'scli_0123456789abcdef', 'Studio', 'urn:studio', 'native', 'suspended',
                    'sso_group', 'admin_approval', 61, 3601, 62, false);
                INSERT INTO app_origins (workspace_id, app_id, origin)
                VALUES ('\(id.text)', 'studio', 'https://b.example'), ('\(id.text)', 'studio', 'https://a.example');
                INSERT INTO sso_group_apps (workspace_id, group_id, app_id)
                VALUES ('\(id.text)', 'suite', 'studio'), ('\(id.text)', 'b', 'studio');
                INSERT INTO api_keys (workspace_id, id, kind, name, secret_hash, source_apps, target_apps, networks,
                    expires_at)
                VALUES ('\(id.text)', '\(key.text)', 'workspace', 'key', sha256('a'), '{studio}', '{}', '{10.0.0.0/8,::1/128}',
                    to_timestamp(1750000000));
                """,
                in: id
            )
            try await installation.run(
                "INSERT INTO sso_groups (workspace_id, id, name) VALUES ('\(rival.text)', 'rival', 'Rival')",
                in: rival
            )

            let snapshot = try #require(try await ConfigurationStore(pool: installation.exchange).load(id))
            #expect(
                snapshot.workspace
                    == Workspace(
                        id: id,
                        slug: "demo",
                        issuer: "https://sso.example/w/demo",
                        status: .suspended,
                        authHost: "auth.demo.example",
                        cookieDomain: "demo.example",
                        requireAppIdentity: true,
                        limits: WorkspaceLimits(
                            exchangesPerMinute: 5,
                            signInsPerMinute: 6,
                            failuresPerQuarterHour: 7
                        )
                    )
            )
            let studio = ConnectedApp(
                id: ConnectedApp.ID("studio"),
                clientID: "scli_0123456789abcdef",
                name: "Studio",
                audience: "urn:studio",
                clientType: .native,
                status: .suspended,
                exchangePolicy: .ssoGroup,
                signupPolicy: .adminApproval,
                lifetimes: ConnectedApp.Lifetimes(access: 61, refresh: 3601, idle: 62),
                refreshPayload: false,
                origins: ["https://a.example", "https://b.example"],
                groups: [SSOGroup.ID("suite"), SSOGroup.ID("b")]
            )
            #expect(snapshot.apps == [studio.id: studio])
            #expect(snapshot.groups.values.map(\.name).sorted() == ["B", "Suite"])
            let apiKey = try #require(snapshot.apiKeys[key])
            #expect(snapshot.apiKeys.count == 1)
            #expect(apiKey.kind == .workspace)
            #expect(apiKey.appID == nil)
            #expect(apiKey.secretHash.count == 32)
            #expect(apiKey.sourceApps == [studio.id])
            #expect(apiKey.targetApps == [])
            #expect(apiKey.networks == ["10.0.0.0/8", "::1/128"])
            #expect(apiKey.expiresAt == Date(timeIntervalSince1970: 1_750_000_000))
            #expect(snapshot.signingKeys == [])
            #expect(snapshot.browserSecret == nil)
            let epochs = try await ConfigurationStore(pool: installation.exchange).epochs()
            #expect(epochs[id] == snapshot.epoch)
            #expect(Set(epochs.keys) == [id, rival])
        }
    }

    @Test func `has neither revoked API keys nor expired signing keys, and the newest secret`() async throws {
        try await withInstallation { installation in
            let id = try await installation.workspace()
            try await installation.runUnguarded(
                """
                INSERT INTO api_keys (workspace_id, id, kind, name, secret_hash, revoked_at)
                VALUES ('\(id.text)', gen_random_uuid(), 'workspace', 'revoked', sha256('a'), now());
                INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, published_at, activates_at, retires_at,
                    expires_at, compromised_at)
                SELECT '\(id.text)', kid, 'RS256', '', now() - interval '9 hours', now() - activated, now() - interval '2 hours',
                    now() + expires, compromised
                FROM (VALUES
                    ('expired-key-00000', interval '5 hours', interval '-1 second', NULL::timestamptz),
                    ('compromised-0000', interval '4 hours', interval '1 hour', to_timestamp(1750000000)),
                    ('retiring-key-0000', interval '6 hours', interval '1 hour', NULL)
                ) AS given (kid, activated, expires, compromised);
                INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed, created_at)
                VALUES ('\(id.text)', 'browser', 'old', '\\x01', now() - interval '1 hour'),
                    ('\(id.text)', 'browser', 'new', '\\x02', now());
                """,
                in: id
            )
            let snapshot = try #require(try await ConfigurationStore(pool: installation.exchange).load(id))
            #expect(snapshot.apiKeys.isEmpty)
            #expect(snapshot.signingKeys.map(\.kid) == ["retiring-key-0000", "compromised-0000"])
            #expect(snapshot.signingKeys.last?.compromisedAt == Date(timeIntervalSince1970: 1_750_000_000))
            #expect(snapshot.browserSecret == StoredSecret(id: "new", sealed: [2]))
        }
    }

    @Test func `is read without secrets by a service that may not see them`() async throws {
        try await withInstallation { installation in
            let id = try await installation.workspace()
            try await carryOut(installation, id)
            let key = try #require(try await loaded(installation, id).first)
            #expect(key.sealedPrivateKey != nil)
            let pool = installation.administration
            let snapshot = try await ConfigurationStore(pool: pool, readsSecrets: false).load(id)
            #expect(snapshot?.signingKeys.map(\.kid) == [key.kid])
            #expect(snapshot?.signingKeys.map(\.publicKey) == [key.publicKey])
            #expect(snapshot?.signingKeys.map(\.sealedPrivateKey) == [nil])
            #expect(snapshot?.browserSecret == nil)
            let state = try await sqlState { _ = try await ConfigurationStore(pool: pool).load(id) }
            #expect(state == .insufficientPrivilege)
        }
    }

    @Test func `of a workspace that is gone is none`() async throws {
        try await withInstallation { installation in
            let store = ConfigurationStore(pool: installation.exchange)
            let id = try await installation.workspace()
            try await installation.run("DELETE FROM workspaces WHERE id = '\(id.text)'", in: id)
            #expect(try await store.load(id) == nil)
            #expect(try await store.load(Workspace.ID(UUID())) == nil)
        }
    }

    @Test func `is of one instant, though it changes while it is read`() async throws {
        try await withInstallation { installation in
            let id = try await installation.workspace()
            try await installation.run(
                """
                INSERT INTO api_keys (workspace_id, id, kind, name, secret_hash)
                VALUES ('\(id.text)', gen_random_uuid(), 'workspace', 'key', sha256('a'))
                """,
                in: id
            )
            let store = ConfigurationStore(pool: installation.exchange)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    // What is read first and what is read last change together.
                    for number in 1...300 {
                        try await installation.run(
                            """
                            UPDATE api_keys SET expires_at = to_timestamp(\(number)) WHERE workspace_id = '\(id.text)';
                            UPDATE workspaces SET issuer = 'https://sso.example/\(number)' WHERE id = '\(id.text)';
                            """,
                            in: id
                        )
                    }
                }
                var seen = Set<Int>()
                while !seen.contains(300) {
                    let snapshot = try #require(try await store.load(id))
                    let key = try #require(snapshot.apiKeys.values.first)
                    guard let number = key.expiresAt.map({ Int($0.timeIntervalSince1970) }) else { continue }
                    #expect(snapshot.workspace.issuer == "https://sso.example/\(number)")
                    seen.insert(number)
                }
                #expect(seen.count > 10)
                try await tasks.waitForAll()
            }
        }
    }

    @Test func `has a new epoch and a change row with every change, in its transaction`() async throws {
        try await withInstallation { installation in
            let id = try await installation.workspace()
            let rival = try await installation.workspace()
            let store = ConfigurationStore(pool: installation.exchange)
            var epoch = try #require(try await store.epochs()[id])
            let rivals = try await store.epochs()[rival]
            for change in [
                "UPDATE workspaces SET name = 'x' WHERE id = '\(id.text)'",
                "INSERT INTO sso_groups (workspace_id, id, name) VALUES ('\(id.text)', 'g', 'g')",
                """
                INSERT INTO apps (workspace_id, id, client_id, name, audience)
                VALUES ('\(id.text)', 'a', 'scli_0123456789abcdef', 'a', 'a')
                """,
                "INSERT INTO sso_group_apps (workspace_id, group_id, app_id) VALUES ('\(id.text)', 'g', 'a')",
                "INSERT INTO app_origins (workspace_id, origin, app_id) VALUES ('\(id.text)', 'https://a.example', 'a')",
                """
                INSERT INTO app_redirect_uris (workspace_id, app_id, redirect_uri)
                VALUES ('\(id.text)', 'a', 'https://a.example/')
                """,
                """
                INSERT INTO api_keys (workspace_id, id, kind, name, secret_hash)
                VALUES ('\(id.text)', gen_random_uuid(), 'workspace', 'a', sha256('a'))
                """,
                """
                INSERT INTO signing_keys (workspace_id, kid, algorithm, public_key, sealed_private_key, published_at,
                    activates_at, haste)
                VALUES ('\(id.text)', 'key-0000-0000-0000', 'RS256', '', '', now(), now(), 'first')
                """,
                "INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed) VALUES ('\(id.text)', 'browser', 'a', '')",
                "DELETE FROM sso_group_apps WHERE workspace_id = '\(id.text)'",
                "UPDATE signing_keys SET longest_token = 9999999 WHERE workspace_id = '\(id.text)'",
            ] {
                try await installation.run(change, in: id)
                let next = try #require(try await store.epochs()[id])
                #expect(next == epoch + 1, "\(change)")
                epoch = next
            }
            #expect(try await store.epochs()[rival] == rivals)
            let rows = try await installation.texts(
                "SELECT epoch::text FROM changes WHERE workspace_id = '\(id.text)' ORDER BY changes.epoch"
            )
            #expect(rows == (1...epoch).map { "\($0)" })
        }
    }
}
