import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Logging
import Postgres
import ServiceLifecycle
import Storage
import Tokens

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Works until told to stop: woken by changes, and by the clock otherwise.",
        discussion: Program.settings.help
    )

    func run() async throws {
        let bootstrap = try Bootstrap.start(
            Program.settings,
            environment: ProcessInfo.processInfo.environment,
            holdsKeys: true
        )
        let settings = bootstrap.settings
        let sealing = try KeySealing(masterKeysFile: settings[.masterKeysFile])
        let database = try ServiceDatabase(
            url: settings[.databaseURL].reveal(),
            role: "key_rotator",
            connections: settings[.databasePoolSize],
            requiresPatchedServer: settings[.requirePatchedPostgres],
            logger: bootstrap.logger
        )
        let notifier = ChangeNotifier(pool: database.pool, logger: bootstrap.logger)
        let worker = KeyWorker(
            keys: KeyStore(pool: database.pool),
            sealing: sealing,
            notifier: notifier,
            logger: bootstrap.logger
        )
        let server = ServiceServer(
            bootstrap,
            readiness: database.readiness.map { check in ReadinessCheck(check.name) { check.reason() } },
            errors: ErrorAnswers(isUnavailability: { ($0 as? PostgresError)?.isUnavailability ?? false }),
            routes: { _ in }
        )
        let forwarding = database.forwardEvents { _ in worker.wake() }
        try await bootstrap.run(database.services + [notifier, forwarding, worker, server])
    }
}

struct RunOnce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Does what is due now and ends.",
        discussion:
            "Prints how many workspaces got a key or a secret. Uses DATABASE_URL and MASTER_KEYS_FILE."
    )

    func run() async throws {
        let settings = try Settings.load(Program.settings, environment: ProcessInfo.processInfo.environment)
        let sealing = try KeySealing(masterKeysFile: settings[.masterKeysFile])
        var logger = Logger(label: "key-rotator")
        logger.logLevel = .error
        let pool = try PostgresPool(
            .service(settings[.databaseURL].reveal(), role: "key_rotator", connections: 2),
            logger: logger
        )
        let quiet = logger
        let served = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            defer { group.cancelAll() }
            let worker = KeyWorker(
                keys: KeyStore(pool: pool),
                sealing: sealing,
                notifier: ChangeNotifier(pool: pool, logger: quiet),
                logger: quiet
            )
            let served = try await worker.runOnce()
            if served > 0 { try await ChangeNotifier.send(over: pool) }
            return served
        }
        print("\(served) workspaces served")
    }
}
