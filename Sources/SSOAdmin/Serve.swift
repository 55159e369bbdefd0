import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Postgres
import Storage

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves the administration (/api/admin) until told to stop.",
        discussion: Program.settings.help
    )

    func run() async throws {
        let bootstrap = try Bootstrap.start(
            Program.settings,
            environment: ProcessInfo.processInfo.environment
        )
        let settings = bootstrap.settings
        let database = try ServiceDatabase(
            url: settings[.databaseURL].reveal(),
            role: "sso_admin",
            connections: settings[.databasePoolSize],
            requiresPatchedServer: settings[.requirePatchedPostgres],
            logger: bootstrap.logger
        )
        let feed = ConfigurationFeed(
            pool: database.pool,
            node: .init(service: "sso-admin"),
            readsSecrets: false,
            logger: bootstrap.logger
        ) { $0.epoch }
        let notifier = ChangeNotifier(pool: database.pool, logger: bootstrap.logger)
        let parts = AdminParts(
            feed: feed,
            notifier: notifier,
            document: APIDocument(
                path: settings[.openAPIFile] ?? "openapi/sso-admin.json",
                logger: bootstrap.logger
            ),
            publicURL: settings.publicURL,
            database: database
        )
        let server = ServiceServer(
            bootstrap,
            readiness: database.readiness.map { check in ReadinessCheck(check.name) { check.reason() } } + [
                ReadinessCheck("change_feed") {
                    feed.current.isFresh(at: .now) ? nil : "the view is out of date"
                }
            ],
            errors: ErrorAnswers(
                format: { _ in .problem },
                isUnavailability: { ($0 as? PostgresError)?.isUnavailability ?? false }
            ),
            routes: parts.addRoutes(to:)
        )
        let forwarding = database.forwardEvents { resync in feed.wake(resync: resync) }
        try await bootstrap.run(database.services + [feed, forwarding, notifier, server])
    }
}
