import Domain
import Foundation
import Logging
import Postgres
import Storage
import Synchronization
import TestCluster

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// The moment most tests happen at: a whole second, so that the database keeps it exactly.
let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))

func after(_ seconds: TimeInterval) -> Date {
    now.addingTimeInterval(seconds)
}

func before(_ seconds: TimeInterval) -> Date {
    now.addingTimeInterval(-seconds)
}

let migrationsFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("sql/migrations").path

/// A migrated database of its own, and what connects to it: each service in its role, and the superuser.
///
/// A pool runs from the moment it is first asked for.
final class Installation: Sendable {
    let url: String
    private let services: [ServiceRole: PostgresPool]
    private let owner: PostgresPool
    private let running = Mutex<[ObjectIdentifier: Task<Void, any Error>]>([:])

    init(url: String) throws {
        self.url = url
        var services: [ServiceRole: PostgresPool] = [:]
        for role in ServiceRole.allCases {
            let settings = PostgresSettings.service(url, role: role.rawValue, connections: 6)
            services[role] = try PostgresPool(patient(settings), logger: quiet)
        }
        self.services = services
        var settings = PostgresSettings(url: url, applicationName: "tests")
        settings.connections = 4
        owner = try PostgresPool(patient(settings), logger: quiet)
    }

    var exchange: PostgresPool {
        pool(as: .tokenExchange)
    }

    var administration: PostgresPool {
        pool(as: .ssoAdmin)
    }

    var rotator: PostgresPool {
        pool(as: .keyRotator)
    }

    /// Sees and may do everything: to arrange and to look.
    var superuser: PostgresPool {
        started(owner)
    }

    func pool(as role: ServiceRole) -> PostgresPool {
        started(services[role] ?? owner)
    }

    /// Closes every connection.
    func close() async throws {
        let tasks = running.withLock { $0.values.map { $0 } }
        for task in tasks { task.cancel() }
        for task in tasks { try await task.value }
    }

    private func started(_ pool: PostgresPool) -> PostgresPool {
        running.withLock { running in
            if running[ObjectIdentifier(pool)] == nil {
                running[ObjectIdentifier(pool)] = Task { try await pool.run() }
            }
        }
        return pool
    }
}

enum ServiceRole: String, CaseIterable, Sendable {
    case tokenExchange = "token_exchange"
    case ssoAdmin = "sso_admin"
    case keyRotator = "key_rotator"
}

/// Runs `body` with an installation that nobody else has, and drops it afterwards.
func withInstallation<Value: Sendable>(
    _ body: (Installation) async throws -> Value
) async throws -> Value {
    await places.take()
    do {
        let name = try await template.value
        let value = try await TestCluster.shared.withDatabase(from: name) { url in
            try await withPools(url: url, body)
        }
        await places.leave()
        return value
    } catch {
        await places.leave()
        throw error
    }
}

private func withPools<Value: Sendable>(
    url: String,
    _ body: (Installation) async throws -> Value
) async throws -> Value {
    let installation = try Installation(url: url)
    do {
        let value = try await body(installation)
        try await installation.close()
        return value
    } catch {
        try await installation.close()
        throw error
    }
}

/// The URL of the database that is nobody's test.
func maintenanceURL() async throws -> String {
    try await TestCluster.shared.url
}

/// A machine that is busy with other tests is no reason to fail.
func patient(_ settings: PostgresSettings) -> PostgresSettings {
    var settings = settings
    settings.statementTimeout = .seconds(30)
    settings.lockTimeout = .seconds(30)
    settings.idleInTransactionTimeout = .seconds(30)
    settings.acquireTimeout = .seconds(30)
    settings.queryTimeout = .seconds(30)
    settings.connectTimeout = .seconds(30)
    return settings
}

/// The database that every test's own is copied from.
private let template = Task {
    let cluster = try await TestCluster.shared
    let name = try await cluster.createDatabase()
    let settings = PostgresSettings(url: cluster.url(database: name), applicationName: "tests")
    _ = try await Migrator(folder: migrationsFolder).migrate(patient(settings)) { _ in }
    return name
}

/// As many installations at once as the server has connections for.
private let places = Places(6)

private actor Places {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) {
        free = count
    }

    func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// Whether `condition` comes true before the deadline; looks again every few milliseconds.
func eventually(
    within deadline: Duration = .seconds(20),
    _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + deadline
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(3))
    }
    return try await condition()
}
