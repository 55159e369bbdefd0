import Foundation
import TestCluster
import Testing

@testable import Postgres

@Suite(.serialized)
struct `over TLS` {
    /// A server with a certificate of its own authority, that takes nothing in the clear from the network.
    private func withServer(
        _ body: (ThrowawayCluster, _ authority: String, _ stranger: String) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["authority", "stranger"] {
            try await openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(name) "
                    + "-keyout \(folder)/\(name).key -out \(folder)/\(name).crt"
            )
        }
        try await openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost "
                + "-addext subjectAltName=DNS:localhost -keyout \(folder)/server.key -out \(folder)/server.csr"
        )
        try await openssl(
            "x509 -req -in \(folder)/server.csr -CA \(folder)/authority.crt -CAkey \(folder)/authority.key "
                + "-days 2 -copy_extensions copy -out \(folder)/server.crt"
        )
        // The server will not read a key that belongs to somebody else.
        let cluster = try await ThrowawayCluster.start { directory in
            for file in ["server.key", "server.crt"] {
                try FileManager.default.copyItem(atPath: "\(folder)/\(file)", toPath: "\(directory)/\(file)")
            }
            let owner = getuid() == 0 ? "chown postgres \(directory)/server.*; " : ""
            try await Command.run("/bin/sh", ["-c", "\(owner)chmod 600 \(directory)/server.key"])
        }
        try await PostgresConnection.withConnection(settings(cluster.url)) { session in
            for (name, value) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
                let setting = Statement<Void>("ALTER SYSTEM SET \(name) = '\(cluster.directory)/\(value)'")
                try await session.execute(setting.bind())
            }
            try await session.execute(Statement<Void>("ALTER SYSTEM SET ssl = on").bind())
        }
        try await cluster.restart()
        try await body(cluster, "\(folder)/authority.crt", "\(folder)/stranger.crt")
        try await cluster.remove()
    }

    private func openssl(_ arguments: String) async throws {
        try await Command.run("/usr/bin/openssl", arguments.split(separator: " ").map(String.init))
    }

    @Test func `a verified server is used, an unknown one refused, and nothing is said in the clear`()
        async throws
    {
        let isEncrypted = Statement<Bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") {
            row throws(RowDecodingError) in try row.next()
        }
        let text = Statement<Int, String>("SELECT repeat('x', $1::int)") { row throws(RowDecodingError) in
            try row.next()
        }
        try await withServer { cluster, authority, stranger in
            func url(_ host: String, _ certificate: String, _ mode: String) -> String {
                "postgresql://breezeway@\(host):\(cluster.port)/postgres?sslmode=\(mode)&sslrootcert=\(certificate)"
            }
            try await withPool(url: url("localhost", authority, "verify-full")) { pool in
                let encrypted = try await pool.query(isEncrypted.bind())
                #expect(encrypted == [true])
                // Around the sizes of libpq's buffer and of a TLS record, alone and many at a time.
                for size in [1, 8_191, 8_192, 16_383, 16_384, 16_385] + Array(81_830...81_920) {
                    let answer = try await pool.query(text.bind(size))
                    #expect(answer.first?.utf8.count == size)
                }
                let sizes = (0..<200).map { $0 * 500 }
                let answers = try await pool.batch(sizes.map { text.bind($0) })
                #expect(answers.map { $0.first?.utf8.count } == sizes)
            }
            for refused in [
                url("localhost", stranger, "verify-full"), url("127.0.0.1", authority, "verify-full"),
                url("localhost", stranger, "verify-ca"),
            ] {
                try await withPool(url: refused) { pool in
                    guard
                        case .unavailable(let reason)? = await failure({
                            try await pool.query(isEncrypted.bind())
                        })
                    else {
                        Issue.record("it was used: \(refused)")
                        return
                    }
                    #expect(reason.contains("certificate"))
                }
            }
            let seen = try await PostgresConnection.withConnection(settings(cluster.url)) { session in
                let others = Statement<Int>(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tests' AND pid <> pg_backend_pid()"
                ) { row throws(RowDecodingError) in try row.next() }
                return try await session.query(others.bind())
            }
            #expect(seen == [0])
        }
    }

    @Test func `a server without it is refused when the URL asks for it`() async throws {
        let url = try await TestCluster.shared.url + "?sslmode=require"
        try await withPool(url: url) { pool in
            guard case .unavailable? = await failure({ try await pool.query(echo.bind(1)) }) else {
                Issue.record("it went on in the clear")
                return
            }
        }
    }
}
