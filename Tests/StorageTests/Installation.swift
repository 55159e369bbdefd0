import Domain
import Foundation
import Logging
import Postgres
import Storage
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
struct Installation: Sendable {
    let url: String
    let exchange: PostgresPool
    let administration: PostgresPool
    let rotator: PostgresPool
    /// Sees and may do everything: to arrange and to look.
    let superuser: PostgresPool

    func pool(as role: ServiceRole) -> PostgresPool {
        switch role {
        case .tokenExchange: exchange
        case .ssoAdmin: administration
        case .keyRotator: rotator
        }
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
    func service(_ role: ServiceRole, connections: Int) throws -> PostgresPool {
        let settings = PostgresSettings.service(url, role: role.rawValue, connections: connections)
        return try PostgresPool(patient(settings), logger: quiet)
    }
    var owner = PostgresSettings(url: url, applicationName: "tests")
    owner.connections = 4
    let installation = Installation(
        url: url,
        exchange: try service(.tokenExchange, connections: 6),
        administration: try service(.ssoAdmin, connections: 4),
        rotator: try service(.keyRotator, connections: 3),
        superuser: try PostgresPool(patient(owner), logger: quiet)
    )
    let running = [
        installation.exchange, installation.administration, installation.rotator, installation.superuser,
    ].map { pool in Task { try await pool.run() } }
    func stop() async throws {
        for task in running { task.cancel() }
        for task in running { try await task.value }
    }
    do {
        let value = try await body(installation)
        try await stop()
        return value
    } catch {
        try await stop()
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
