import Foundation

/// The server that the tests of one process share, each in a database of its own.
///
/// `TEST_DATABASE_URL` names it (a superuser's URL); without that variable the first test starts a throw-away
/// cluster, which is gone when the process is.
package final class TestCluster: Sendable {
    /// The superuser's URL of the maintenance database.
    package let url: String

    private init(url: String) {
        self.url = url
    }

    /// The shared server, started when somebody first asks.
    package static var shared: TestCluster {
        get async throws { try await starting.value }
    }

    private static let starting = Task {
        if let url = ProcessInfo.processInfo.environment["TEST_DATABASE_URL"], !url.isEmpty {
            return TestCluster(url: url)
        }
        return TestCluster(url: try await ThrowawayCluster.start().url)
    }

    /// The URL of another database, or for another user, on this server.
    package func url(database: String, user: String? = nil) -> String {
        guard var parts = URLComponents(string: url) else { return url }
        parts.path = "/\(database)"
        if let user {
            parts.user = user
            parts.password = nil
        }
        return parts.string ?? url
    }

    /// Creates an empty database, or a copy of `template`, and returns its name.
    ///
    /// A copy takes about 50 ms. Nobody may be connected to the template meanwhile.
    package func createDatabase(from template: String? = nil, owner: String? = nil) async throws -> String {
        let name = "test_\(UUID().uuidString.lowercased().filter { $0 != "-" })"
        var statement = "CREATE DATABASE \(name)"
        if let owner { statement += " OWNER \"\(owner)\"" }
        if let template { statement += " TEMPLATE \"\(template)\"" }
        try await execute(statement)
        return name
    }

    /// Drops a database, ending whatever is connected to it; one that does not exist is no error.
    package func dropDatabase(_ name: String) async throws {
        try await execute("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
    }

    /// Runs `body` with the URL of a database of its own and drops the database afterwards.
    package func withDatabase<Value>(
        from template: String? = nil,
        _ body: (String) async throws -> Value
    ) async throws -> Value {
        let name = try await createDatabase(from: template)
        do {
            let value = try await body(url(database: name))
            try await dropDatabase(name)
            return value
        } catch {
            try await dropDatabase(name)
            throw error
        }
    }

    /// Runs a statement as the superuser in the maintenance database, or in another one, and returns its output.
    @discardableResult
    package func execute(_ statement: String, database: String? = nil) async throws -> String {
        let target = database.map { url(database: $0) } ?? url
        return try await Command.run(
            "/usr/bin/psql",
            ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", target, "-c", statement]
        )
    }
}
