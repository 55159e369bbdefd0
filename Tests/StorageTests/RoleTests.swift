import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `A service's role` {
    @Test func `has the rights its statements need and no other`() async throws {
        try await withInstallation { installation in
            let tables = try await installation.texts(
                """
                SELECT relname::text FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                    AND relname !~ '^sessions_[0-9]{8}$' AND relkind <> 'S'
                """
            )
            #expect(Set(tables) == Set(rights.keys))
            for role in ServiceRole.allCases {
                let held = try await installation.texts(
                    """
                    SELECT relname || ' ' || (
                        SELECT coalesce(string_agg(left(privilege, 1), '' ORDER BY place), '')
                        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
                            WITH ORDINALITY AS asked (privilege, place)
                        WHERE has_table_privilege('\(role.rawValue)', pg_class.oid, privilege)
                    )
                    FROM pg_class
                    WHERE relname = ANY ('{\(tables.joined(separator: ","))}')
                        AND relnamespace = 'public'::regnamespace
                    """
                )
                #expect(Set(held) == Set(rights.map { "\($0.key) \($0.value[role] ?? "")" }), "\(role)")
            }
        }
    }

    @Test func `of the admin sees no private key and no cookie, and only ends sessions`() async throws {
        try await withInstallation { installation in
            func columns(_ privilege: String) async throws -> [String] {
                try await installation.texts(
                    """
                    SELECT attrelid::regclass || '.' || attname
                    FROM pg_attribute
                    WHERE attrelid IN ('sessions'::regclass, 'signing_keys'::regclass) AND attnum > 0
                        AND has_column_privilege('sso_admin', attrelid, attnum, '\(privilege)')
                    """
                )
            }
            let all = try await installation.texts(
                """
                SELECT attrelid::regclass || '.' || attname
                FROM pg_attribute
                WHERE attrelid IN ('sessions'::regclass, 'signing_keys'::regclass) AND attnum > 0
                """
            )
            #expect(
                Set(all).subtracting(try await columns("SELECT")) == [
                    "signing_keys.sealed_private_key", "sessions.cookie_hash",
                ]
            )
            #expect(try await Set(columns("UPDATE")) == ["sessions.revoked_at", "sessions.revoked_reason"])
            #expect(try await columns("INSERT") == [])
            #expect(try await columns("REFERENCES") == [])
        }
    }

    @Test func `is bound by row-level security and owns nothing`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                let pool = installation.pool(as: role)
                #expect(
                    try await installation.texts("SELECT current_user::text", through: pool) == [
                        role.rawValue
                    ]
                )
            }
            #expect(
                try await installation.number(
                    """
                    SELECT count(*) FROM pg_roles
                    WHERE rolname IN ('breezeway_owner', 'token_exchange', 'sso_admin', 'key_rotator')
                        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
                    """
                ) == 0
            )
            #expect(
                try await installation.number(
                    """
                    SELECT count(*) FROM pg_auth_members
                    WHERE member IN (SELECT oid FROM pg_roles WHERE rolname IN ('token_exchange', 'sso_admin', 'key_rotator'))
                    """
                ) == 0
            )
            let owners = try await installation.texts(
                """
                SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                """
            )
            #expect(owners == ["breezeway_owner"])
        }
    }

    @Test func `can make nothing in the database`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                for script in [
                    "CREATE TABLE mine ()", "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                    "TRUNCATE users", "ALTER TABLE users DISABLE ROW LEVEL SECURITY", "DROP TABLE sessions",
                    "UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log",
                    "UPDATE audit_heads SET sequence = 1",
                    "INSERT INTO changes (workspace_id, epoch, topic) VALUES (gen_random_uuid(), 1, 'x')",
                ] {
                    let state = try await sqlState {
                        try await installation.pool(as: role).withSession {
                            try await $0.execute(script: script)
                        }
                    }
                    #expect(state == .insufficientPrivilege, "\(role): \(script)")
                }
            }
        }
    }

    @Test func `cannot become the owner`() async throws {
        try await withInstallation { installation in
            for role in ServiceRole.allCases {
                var parts = try #require(URLComponents(string: installation.url))
                parts.user = role.rawValue
                let settings = PostgresSettings(url: try #require(parts.string), applicationName: "tests")
                for other in ["breezeway_owner", "breezeway"] + ServiceRole.allCases.map(\.rawValue)
                where other != role.rawValue {
                    let state = try await sqlState {
                        try await PostgresConnection.withConnection(patient(settings)) { session in
                            try await session.execute(script: "SET ROLE \(other)")
                        }
                    }
                    #expect(state == .insufficientPrivilege, "\(role) as \(other)")
                }
            }
        }
    }
}
