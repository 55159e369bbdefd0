import Chassis
import FoundationEssentials
import Logging
import Postgres
import Storage

/// What the commands that end by themselves share.
enum CommandLineTool {
    /// Says only what somebody must act on.
    static let logger: Logger = {
        var logger = Logger(label: "key-rotator")
        logger.logLevel = .error
        return logger
    }()

    /// Runs `body` with a pool in the worker's role.
    static func perform(_ body: (PostgresPool, Settings) async throws -> Void) async throws {
        let settings = try Settings.load(Program.settings, environment: ProcessInfo.processInfo.environment)
        let pool = try PostgresPool(
            .command(settings[.databaseURL].reveal(), role: "key_rotator"),
            logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            defer { group.cancelAll() }
            do {
                try await body(pool, settings)
            } catch let error as PostgresError {
                throw CommandFailure(description: "failed: \(error)")
            }
        }
    }
}

/// Why a command did not do all of it, in one line.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
}
