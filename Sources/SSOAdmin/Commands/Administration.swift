import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Glibc
import Logging
import Postgres
import ServiceLifecycle
import Storage
import Tokens

/// What the commands that make something share: the database, the errors people read, and the answer on standard
/// output.
enum Administration {
    /// Who the audit log says it was.
    static let actor = "command_line"

    /// Runs a command against the database as the service's role, then tells the other nodes.
    static func perform(
        _ body: @Sendable (AdministrationStore, Settings) async throws -> Void
    ) async throws {
        try await reach { administration, _, settings in try await body(administration, settings) }
    }

    /// As above, for commands that ask other stores as well.
    static func reach(
        _ body: @Sendable (AdministrationStore, PostgresPool, Settings) async throws -> Void
    ) async throws {
        let settings = try Settings.load(Program.settings, environment: ProcessInfo.processInfo.environment)
        let pool = try PostgresPool(
            .command(settings[.databaseURL].reveal(), role: "sso_admin"),
            logger: quiet
        )
        try await running(pool) {
            do {
                try await body(AdministrationStore(pool: pool), pool, settings)
            } catch let error as PostgresError {
                throw CommandFailure(error)
            }
            do {
                try await ChangeNotifier.send(over: pool)
            } catch {
                // The others see the change at their next look, a second later.
                quiet.debug("Nobody was notified.", metadata: .of([.error: "\(error)"]))
            }
        }
    }

    /// The workspace of a slug, or a failure that names it.
    static func workspace(_ slug: String, _ administration: AdministrationStore) async throws -> Workspace {
        guard let workspace = try await administration.findWorkspace(slug: slug) else {
            throw CommandFailure(text: "not_found: there is no workspace \(slug)")
        }
        return workspace
    }

    /// Prints one JSON object on standard output.
    static func print(_ write: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        write(&json)
        Swift.print(String(decoding: json.bytes, as: UTF8.self))
    }

    /// Runs the pool while `body` runs.
    static func running(_ pool: PostgresPool, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private static let quiet: Logger = {
        var logger = Logger(label: "sso-admin")
        logger.logLevel = .error
        return logger
    }()
}

/// Why a command did nothing, in one line.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(text: String) {
        description = text
    }

    /// The database's refusal in the operator's words; nothing of the row is quoted.
    init(_ error: PostgresError) {
        switch error {
        case .server(let refusal) where refusal.sqlState == .uniqueViolation:
            description = "conflict: it exists already (\(refusal.constraint ?? "unique"))"
        case .server(let refusal) where refusal.sqlState == .foreignKeyViolation:
            description = "invalid: what it names does not exist (\(refusal.constraint ?? "foreign key"))"
        case .server(let refusal) where refusal.sqlState == .checkViolation:
            description = "invalid: a value is out of range (\(refusal.constraint ?? "check"))"
        case .unavailable(let reason):
            description = "unavailable: the database cannot be reached: \(reason)"
        default:
            description = "failed: \(error)"
        }
    }
}

extension JSONWriter {
    /// A member with a text.
    mutating func text(_ name: String, _ text: String) {
        self.name(name)
        string(text)
    }

    /// A member with a whole number.
    mutating func number(_ name: String, _ number: Int) {
        self.name(name)
        integer(Int64(number))
    }

    /// A member with a list of texts.
    mutating func texts(_ name: String, _ texts: [String]) {
        self.name(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }
}
