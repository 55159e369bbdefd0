import Foundation
import Logging
import TestCluster
import Testing

@testable import Postgres

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// Runs `body` with a running pool on a database of its own.
func withPool<Value: Sendable>(
    _ configure: (inout PostgresSettings) -> Void = { _ in },
    _ body: (PostgresPool) async throws -> Value
) async throws -> Value {
    try await TestCluster.shared.withDatabase { url in
        try await withPool(url: url, configure, body)
    }
}

/// Runs `body` with a running pool on the database of a URL.
func withPool<Value: Sendable>(
    url: String,
    _ configure: (inout PostgresSettings) -> Void = { _ in },
    _ body: (PostgresPool) async throws -> Value
) async throws -> Value {
    var settings = PostgresSettings(url: url, applicationName: "tests")
    settings.connections = 3
    configure(&settings)
    let pool = try PostgresPool(settings, logger: quiet)
    let running = Task { try await pool.run() }
    do {
        let value = try await body(pool)
        running.cancel()
        try await running.value
        return value
    } catch {
        running.cancel()
        try await running.value
        throw error
    }
}
