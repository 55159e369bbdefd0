import Foundation
import Postgres
import ServiceLifecycle
import Storage
import Synchronization
import Testing

@Suite struct `A service's database` {
    @Test func `is not ready before it was asked, and then is`() async throws {
        try await withInstallation { installation in
            let database = try ServiceDatabase(
                url: installation.url,
                role: "token_exchange",
                connections: 2,
                requiresPatchedServer: false,
                logger: quiet
            )
            #expect(reasons(database).keys.sorted() == ["database", "schema"])
            try await running(database) {
                let isReady = try await eventually { reasons(database).isEmpty }
                #expect(isReady)
            }
        }
    }

    @Test func `is not ready as a role that row-level security does not bind`() async throws {
        try await withInstallation { installation in
            let database = try ServiceDatabase(
                url: installation.url,
                role: "breezeway",
                connections: 2,
                requiresPatchedServer: false,
                logger: quiet
            )
            try await running(database) {
                let isRefused = try await eventually {
                    reasons(database)["database"]?.contains("row-level security") ?? false
                }
                #expect(isRefused)
            }
        }
    }

    @Test func `is not ready at another version of the schema`() async throws {
        try await withInstallation { installation in
            try await installation.run(
                "DELETE FROM schema_migrations WHERE version = \(Migrator.expectedVersion)"
            )
            let database = try ServiceDatabase(
                url: installation.url,
                role: "sso_admin",
                connections: 2,
                requiresPatchedServer: false,
                logger: quiet
            )
            try await running(database) {
                let isBehind = try await eventually {
                    let found = reasons(database)
                    return found["schema"]?.contains("\(Migrator.expectedVersion)") ?? false
                        && found["database"] == nil
                }
                #expect(isBehind)
                // A newer one is of a later build and is served: migrations keep the one before running.
                let next = Migrator.expectedVersion + 1
                try await installation.run(
                    "INSERT INTO schema_migrations (version, name, checksum) VALUES (\(next), 'next', '')"
                )
                let isReady = try await eventually { reasons(database).isEmpty }
                #expect(isReady)
            }
        }
    }

    @Test func `hands on what it hears, and that it may have missed something`() async throws {
        try await withInstallation { installation in
            let database = try ServiceDatabase(
                url: installation.url,
                role: "token_exchange",
                connections: 2,
                requiresPatchedServer: false,
                logger: quiet
            )
            let heard = Mutex<[Bool]>([])
            let forwarding = database.forwardEvents { resync in heard.withLock { $0.append(resync) } }
            try await running(database, and: forwarding) {
                #expect(try await eventually { heard.withLock { $0 } == [true] })
                try await ChangeNotifier.send(over: installation.administration)
                #expect(try await eventually { heard.withLock { $0 } == [true, false] })
            }
        }
    }

    private func reasons(_ database: ServiceDatabase) -> [String: String] {
        var found: [String: String] = [:]
        for check in database.readiness { found[check.name] = check.reason() }
        return found
    }

    private func running(
        _ database: ServiceDatabase,
        and other: (any Service)? = nil,
        _ body: () async throws -> Void
    ) async throws {
        let services = database.services + (other.map { [$0] } ?? [])
        let group = ServiceGroup(services: services, logger: quiet)
        let task = Task { try await group.run() }
        do {
            try await body()
        } catch {
            await group.triggerGracefulShutdown()
            try await task.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await task.value
    }
}
