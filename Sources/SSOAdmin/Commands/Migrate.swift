import ArgumentParser
import Chassis
import FoundationEssentials
import Postgres
import Storage

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings the database's schema up to date.",
        discussion: """
            DATABASE_URL must be a superuser's, or one who may create roles and owns the database, the first time;
            later a member of breezeway_owner is enough. Runs while the services run. Refuses when an applied
            migration's file was changed or is missing.
            """
    )

    @Option(help: "Folder of the migrations; MIGRATIONS_DIR or sql/migrations when not given.")
    var migrations: String?

    func run() async throws {
        let settings = try Settings.load(Program.settings, environment: ProcessInfo.processInfo.environment)
        var connection = PostgresSettings(
            url: settings[.databaseURL].reveal(),
            applicationName: "sso-admin migrate"
        )
        connection.searchPath = "public"
        connection.statementTimeout = .seconds(600)
        connection.lockTimeout = .seconds(60)
        connection.queryTimeout = .seconds(600)
        let migrator = try Migrator(folder: migrations ?? settings[.migrationsDirectory] ?? "sql/migrations")
        do {
            let applied = try await migrator.migrate(connection) { name in print("applied \(name)") }
            if applied.isEmpty { print("nothing to apply") }
        } catch let error as PostgresError {
            throw CommandFailure(error)
        }
    }
}
