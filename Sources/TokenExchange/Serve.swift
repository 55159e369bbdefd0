import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Logging
import Postgres
import Storage
import Tokens

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves exchange, sessions and sign-in until told to stop.",
        discussion: Program.settings.help
    )

    func run() async throws {
        let bootstrap = try Bootstrap.start(
            Program.settings,
            environment: ProcessInfo.processInfo.environment,
            holdsKeys: true
        )
        let sealing = try KeySealing(masterKeysFile: bootstrap.settings[.masterKeysFile])
        try SelfTest.run()
        try await Self.run(bootstrap, sealing)
    }

    /// Puts the program together and runs it.
    private static func run(_ bootstrap: Bootstrap, _ sealing: KeySealing) async throws {
        let settings = bootstrap.settings
        let logger = bootstrap.logger
        let database = try ServiceDatabase(
            url: settings[.databaseURL].reveal(),
            role: "token_exchange",
            connections: settings[.databasePoolSize],
            requiresPatchedServer: settings[.requirePatchedPostgres],
            logger: logger
        )
        let feed = ConfigurationFeed(
            pool: database.pool,
            node: .init(service: "token-exchange"),
            logger: logger
        ) { snapshot in
            WorkspaceKeys(snapshot, sealing: sealing, logger: logger)
        }
        let passwords = PasswordChecks()
        let fetches = KeyFetchLog(store: KeyFetchStore(pool: database.pool), logger: logger)
        let exchangeLog = ExchangeLog(
            keys: APIKeyStore(pool: database.pool),
            refusals: ExchangeRefusalStore(pool: database.pool),
            logger: logger
        )
        let parts = ServiceParts(
            feed: feed,
            exchanges: ExchangeStore(pool: database.pool),
            sessions: SessionStore(pool: database.pool),
            signIns: SignInStore(pool: database.pool),
            rates: RateStore(pool: database.pool),
            passwords: passwords,
            cookieDomains: CookieDomains(logger: logger),
            fetches: fetches,
            exchangeLog: exchangeLog,
            document: APIDocument(
                path: settings[.openAPIFile] ?? "openapi/token-exchange.json",
                logger: logger
            ),
            database: database,
            defaultWorkspace: settings[.defaultWorkspace],
            isSecure: settings.publicURL.hasPrefix("https://")
        )
        let server = ServiceServer(
            bootstrap,
            readiness: database.readiness.map { check in ReadinessCheck(check.name) { check.reason() } } + [
                ReadinessCheck("change_feed") {
                    feed.current.isFresh(at: .now) ? nil : "the view is out of date"
                },
                ReadinessCheck("master_keys") { MasterKeyUse.reason(feed.current) },
            ],
            errors: ErrorAnswers(
                format: { path in BrowserPaths.contain(path) ? .messageAndCode : .standard },
                isUnavailability: { ($0 as? PostgresError)?.isUnavailability ?? false }
            ),
            routes: parts.addRoutes(to:)
        )
        let forwarding = database.forwardEvents { resync in feed.wake(resync: resync) }
        try await bootstrap.run(
            database.services + [feed, forwarding, passwords, fetches, exchangeLog, server]
        )
    }
}
