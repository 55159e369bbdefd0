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
        let logger = bootstrap.logger
        let sealing = try KeySealing(masterKeysFile: settings[.masterKeysFile])
        let database = try ServiceDatabase(
            url: settings[.databaseURL].reveal(),
            role: "key_rotator",
            connections: settings[.databasePoolSize],
            requiresPatchedServer: settings[.requirePatchedPostgres],
            logger: logger
        )
        let notifier = ChangeNotifier(pool: database.pool, logger: logger)
        let propagation = PropagationWatch(requests: KeyRequestStore(pool: database.pool), logger: logger)
        let worker = KeyWorker(
            keys: KeyStore(pool: database.pool),
            workshop: KeyWorkshop(sealing: sealing),
            notifier: notifier,
            propagation: propagation,
            logger: logger
        )
        let housekeeper = Housekeeper(
            store: HousekeepingStore(pool: database.pool),
            auditDays: settings[.auditRetentionDays],
            logger: logger
        )
        let server = ServiceServer(
            bootstrap,
            readiness: database.readiness.map { check in ReadinessCheck(check.name) { check.reason() } } + [
                ReadinessCheck("master_keys") { worker.masterKeys.reason }
            ],
            errors: ErrorAnswers(isUnavailability: { ($0 as? PostgresError)?.isUnavailability ?? false }),
            routes: { _ in }
        )
        let forwarding = database.forwardEvents { _ in worker.wake() }
        try await bootstrap.run(
            database.services + [notifier, propagation, forwarding, worker, housekeeper, server]
        )
    }
}

struct RunOnce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Does what is due now and ends.",
        discussion: """
            Prints how many workspaces got something; fails when one could not be served. Uses DATABASE_URL and
            MASTER_KEYS_FILE.
            """
    )

    func run() async throws {
        try await CommandLineTool.perform { pool, settings in
            let logger = CommandLineTool.logger
            let worker = KeyWorker(
                keys: KeyStore(pool: pool),
                workshop: KeyWorkshop(sealing: try KeySealing(masterKeysFile: settings[.masterKeysFile])),
                notifier: ChangeNotifier(pool: pool, logger: logger),
                propagation: PropagationWatch(requests: KeyRequestStore(pool: pool), logger: logger),
                logger: logger
            )
            let housekeeper = Housekeeper(
                store: HousekeepingStore(pool: pool),
                auditDays: settings[.auditRetentionDays],
                logger: logger
            )
            let round = try await worker.runOnce()
            if round.served > 0 { try await ChangeNotifier.send(over: pool) }
            try await housekeeper.keepHouse()
            print("\(round.served) workspaces served")
            guard round.failed == 0 else {
                throw CommandFailure(description: "\(round.failed) workspaces could not be served")
            }
        }
    }
}

struct RewrapKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewrap-keys",
        abstract: "Seals everything anew under the first master key, while the services run.",
        discussion: """
            Put the new key first in MASTER_KEYS_FILE everywhere and restart the services before; the old line may go
            when this says that nothing is left. May be stopped and started again at any time: what is sealed under the
            new key is passed over.
            """
    )

    func run() async throws {
        try await CommandLineTool.perform { pool, settings in
            let sealing = try KeySealing(masterKeysFile: settings[.masterKeysFile])
            let left = try await Rewrapping(
                keys: KeyStore(pool: pool),
                sealed: SealedStore(pool: pool),
                sealing: sealing
            ).run { print($0) }
            try await ChangeNotifier.send(over: pool)
            guard left == 0 else {
                throw CommandFailure(description: "\(left) could not be sealed anew; keep the old master key")
            }
        }
    }
}

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows every workspace, its keys, and what happens next and when.",
        discussion: "Uses DATABASE_URL. Shows keys that are gone only with --all."
    )

    @Option(help: "Only the workspace of this slug.")
    var workspace: String?

    @Flag(help: "Keys that are gone, too.")
    var all = false

    func run() async throws {
        try await CommandLineTool.perform { pool, _ in
            let keys = KeyStore(pool: pool)
            var found: [KeyFacts] = []
            for id in try await keys.scheduled() {
                guard let facts = try await keys.facts(of: id) else { continue }
                if workspace == nil || workspace == facts.slug { found.append(facts) }
            }
            if let workspace, found.isEmpty {
                throw CommandFailure(description: "not_found: there is no workspace \(workspace)")
            }
            print(StatusTable(found.sorted { $0.slug < $1.slug }, showsGone: all).text)
        }
    }
}
