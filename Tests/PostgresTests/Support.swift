import Foundation
import Logging
import Synchronization
import TestCluster
import Testing

@testable import Postgres

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// Settings for tests: few connections, and time enough for a machine that has other things to do.
func settings(_ url: String, _ configure: (inout PostgresSettings) -> Void = { _ in }) -> PostgresSettings {
    var settings = PostgresSettings(url: url, applicationName: "tests")
    settings.connections = 3
    settings.acquireTimeout = .seconds(20)
    settings.queryTimeout = .seconds(30)
    settings.connectTimeout = .seconds(10)
    settings.statementTimeout = .seconds(30)
    configure(&settings)
    return settings
}

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
    let pool = try PostgresPool(settings(url, configure), logger: quiet)
    return try await whileRunning(pool.run) { try await body(pool) }
}

/// Runs `body` beside a service, and cancels that afterwards.
func whileRunning<Value: Sendable>(
    _ service: @escaping @Sendable () async throws -> Void,
    _ body: () async throws -> Value
) async throws -> Value {
    let running = Task { try await service() }
    let result: Result<Value, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    running.cancel()
    try await running.value
    return try result.get()
}

/// Asks again until the condition holds; fails the test when it does not within `limit`.
@discardableResult
func eventually(
    within limit: Duration = .seconds(5),
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws -> Duration {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < limit {
        if try await condition() { return ContinuousClock.now - start }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(what, sourceLocation: sourceLocation)
    return limit
}

/// What a call threw, as a `PostgresError`; fails the test when it threw nothing.
func failure<Value>(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async -> PostgresError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error as? PostgresError
    }
}

let echo = Statement<Int, Int>("SELECT $1") { row throws(RowDecodingError) in try row.next() }
let nap = Statement<Double, Void>("SELECT pg_sleep($1)")
let backend = Statement<Int>("SELECT pg_backend_pid()") { row throws(RowDecodingError) in try row.next() }
let terminate = Statement<Int, Void>("SELECT pg_terminate_backend($1::int)")

/// Counts across tasks.
final class Counter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .relaxed) }

    func add() { value.add(1, ordering: .relaxed) }
}

/// A change of settings, to be read as one phrase: a pool having one connection.
func having(_ change: @escaping (inout PostgresSettings) -> Void) -> (inout PostgresSettings) -> Void {
    change
}
