import Domain
import Foundation
import Postgres
import Storage
import Testing

/// What the database refuses, whoever asks: each row is one way to break a token.
@Suite struct `The database refuses of signing keys` {
    @Test(
        arguments: [
            // A relying party that cannot have the key yet.
            (
                "signing_keys_published_before_use",
                set("new", "activates_at = published_at + interval '659 s'")
            ),
            (
                "signing_keys_published_before_use",
                insert(published: "now()", activates: "now() + interval '659 s'")
            ),
            ("signing_keys_published_now", insert(published: "now() - interval '1 day'", activates: "now()")),
            ("signing_keys_first", insert(activates: "now()", haste: "'first'")),
            ("signing_keys_emergency", insert(activates: "now()", haste: "'emergency'")),
            ("signing_keys_emergency", set("new", "haste = 'emergency', activates_at = now()")),
            ("signing_keys_haste", set("one", "haste = NULL")),
            ("signing_keys_haste", set("two", "haste = 'first'")),
            // A token that outlives its key.
            (
                "signing_keys_outlive_their_tokens",
                set("one", "expires_at = retires_at + interval '604859 s'")
            ),
            ("signing_keys_outlive_their_tokens", set("old", "expires_at = now() + interval '1 s'")),
            ("signing_keys_longest_token", set("one", "longest_token = 0")),
            ("signing_keys_kept", remove("one")),
            ("signing_keys_kept", remove("old")),
            ("signing_keys_kept", remove("bad")),
            // Two keys that claim one instant.
            ("signing_keys_one_at_a_time", set("one", "retires_at = NULL, expires_at = NULL")),
            ("signing_keys_one_at_a_time", insert(activates: "now() + interval '10 days'")),
            (
                "signing_keys_one_activation",
                insert(activates: "(SELECT activates_at FROM signing_keys WHERE kid LIKE 'new-%')")
            ),
            // A workspace that cannot sign.
            ("signing_keys_always_one", set("one", "compromised_at = now()")),
            ("signing_keys_always_one", set("one", "retires_at = retires_at - interval '1 day'")),
            ("signing_keys_always_one", set("two", "compromised_at = now()")),
            (
                "signing_keys_always_one",
                set(
                    "new",
                    "retires_at = activates_at + interval '1 d', expires_at = activates_at + interval '9 d'"
                )
            ),
            ("signing_keys_erased_late", set("one", "sealed_private_key = NULL")),
            ("signing_keys_stay_erased", set("bad", "sealed_private_key = 'x'")),
            // What is done.
            ("signing_keys_stay_compromised", set("bad", "compromised_at = NULL")),
            ("signing_keys_stay_compromised", set("bad", "compromised_at = now()")),
            ("signing_keys_compromised_at_once", set("old", "compromised_at = now() + interval '1 s'")),
            ("signing_keys_published_as_is", set("two", "public_key = 'x'")),
            ("signing_keys_published_as_is", set("two", "kid = 'another-name-0000'")),
            ("signing_keys_published_as_is", set("two", "algorithm = 'ES256'")),
            ("signing_keys_published_as_is", set("two", "published_at = published_at - interval '1 s'")),
            ("signing_keys_past_activation", set("one", "activates_at = activates_at - interval '1 s'")),
            ("signing_keys_past_activation", set("one", "activates_at = now()")),
            ("signing_keys_past_activation", set("two", "activates_at = now() - interval '1 s'")),
            ("signing_keys_past_retirement", set("old", "retires_at = now()")),
            ("signing_keys_past_retirement", set("old", "retires_at = NULL, expires_at = NULL")),
            ("signing_keys_past_retirement", set("one", "retires_at = now() - interval '1 s'")),
            ("signing_keys_past_expiry", set("gone", "expires_at = now() + interval '9 days'")),
        ] as [(String, String)]
    )
    func `what would break a token, by the name of the rule`(_ rule: String, _ change: String) async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            let script = change.replacingOccurrences(of: "$id", with: workspace.text)
            do {
                try await installation.run(script, in: workspace)
                Issue.record("it was taken")
            } catch PostgresError.server(let error) {
                #expect(error.constraint == rule, "\(error)")
            }
        }
    }

    @Test(
        arguments: [
            swap,
            set("old", "sealed_private_key = NULL"),
            set("old", "expires_at = expires_at + interval '1 day'"),
            set("old", "compromised_at = now(), sealed_private_key = NULL"),
            set("two", "sealed_private_key = 'sealed anew'"),
            remove("gone"),
            "DELETE FROM workspaces",
        ]
    )
    func `nothing that leaves every token whole`(_ change: String) async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            try await installation.run(change, in: workspace)
        }
    }

    @Test func `an app's longer tokens no time: the keys that may sign them live longer by themselves`()
        async throws
    {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            try await installation.run("UPDATE apps SET refresh_expiration = 1209600", in: workspace)
            let keys = try await loaded(installation, workspace)
            let one = try #require(keys.first { $0.kid.hasPrefix("one") })
            #expect(one.longestToken == 1_209_600)
            #expect(one.expiresAt == one.retiresAt.map { $0 + 1_209_660 })
            // It signs no more, so no longer token can be its.
            #expect(keys.first { $0.kid.hasPrefix("old") }?.longestToken == 604_800)
            // What was promised to tokens that are out stays promised.
            try await installation.run("UPDATE apps SET refresh_expiration = 3600", in: workspace)
            #expect(try await loaded(installation, workspace).first { $0.kid == one.kid } == one)
        }
    }

    @Test func `the second of two changes that would each leave the other key to sign`() async throws {
        try await withInstallation { installation in
            let workspace = try await keyScene(installation)
            let waiting = try await installation.superuser.transaction { first in
                _ = try await first.query(Tenant.enter.bind(workspace.text))
                try await first.execute(script: swap)
                let second = Task {
                    try await installation.run(set("two", "compromised_at = now()"), in: workspace)
                }
                return second
            }
            let result = await waiting.result
            #expect(throws: PostgresError.self) { try result.get() }
            let signer = try await loaded(installation, workspace).signer(at: Date() + 1)
            #expect(signer?.kid.hasPrefix("two") == true)
        }
    }
}
