import Domain
import FoundationEssentials
package import Logging
import Metrics
package import Postgres
package import ServiceLifecycle
import Synchronization

/// A service's connections, and what it knows of the database's health.
package struct ServiceDatabase: Sendable {
    /// Where statements go.
    package let pool: PostgresPool
    /// What hears that something changed.
    package let listener: PostgresListener
    /// How far our clock is from its clock.
    package let clock = ClockWatch()
    /// Why nobody may be served from this database, if nobody may: tenants would not be kept apart.
    package var problem: String? { watch.problem }
    private let watch: DatabaseWatch

    /// Prepares the connections of one service in its role; nothing is opened yet.
    ///
    /// Throws `PostgresError` when the URL is malformed.
    package init(
        url: String,
        role: String,
        connections: Int,
        requiresPatchedServer: Bool,
        logger: Logger
    ) throws(PostgresError) {
        let settings = PostgresSettings.service(url, role: role, connections: connections)
        pool = try PostgresPool(settings, logger: logger)
        listener = try PostgresListener(settings, channels: [ChangeStore.channel], logger: logger)
        watch = DatabaseWatch(
            pool: pool,
            role: role,
            requiresPatchedServer: requiresPatchedServer,
            clock: clock,
            logger: logger
        )
    }

    /// What must run for any of it to work.
    package var services: [any Service] { [pool, listener, watch] }

    /// Why the service is not ready as far as the database goes: each with a name and, when something is
    /// wrong, the reason.
    ///
    /// Cheap: asks what was last seen, not the database.
    package var readiness: [(name: String, reason: @Sendable () -> String?)] {
        [
            ("database", { watch.databaseReason }), ("schema", { watch.schemaReason }),
            ("clock", { clock.reason }),
        ]
    }

    /// Hands the listener's events to `wake` until shutdown; `true` means that some may have been missed.
    package func forwardEvents(to wake: @escaping @Sendable (_ resync: Bool) -> Void) -> some Service {
        EventForwarding(listener: listener, wake: wake)
    }
}

private struct EventForwarding: Service {
    let listener: PostgresListener
    let wake: @Sendable (Bool) -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await event in listener.events {
                wake(event == .resync)
            }
        }
    }
}

/// Asks the database every second whether it is there, and whether its schema and its server are right.
private final class DatabaseWatch: Service {
    private struct Seen {
        var answeredAt: ContinuousClock.Instant?
        var schema: Int?
        var problem: String?
    }

    /// How old an answer may be.
    private static let patience: Duration = .seconds(3)
    /// Servers below this lack fixes to row-level security that tenants are kept apart by.
    private static let patchedServer = 150_020

    private let pool: PostgresPool
    private let role: String
    private let requiresPatchedServer: Bool
    private let clock: ClockWatch
    private let logger: Logger
    private let seen = Mutex(Seen())
    private let queueUsage = Gauge(label: "postgres_notification_queue_usage")

    init(pool: PostgresPool, role: String, requiresPatchedServer: Bool, clock: ClockWatch, logger: Logger) {
        self.pool = pool
        self.role = role
        self.requiresPatchedServer = requiresPatchedServer
        self.clock = clock
        self.logger = logger
    }

    var problem: String? { seen.withLock { $0.problem } }

    var databaseReason: String? {
        seen.withLock { seen in
            if let problem = seen.problem { return problem }
            guard let answeredAt = seen.answeredAt, .now - answeredAt < Self.patience else {
                return "the database does not answer"
            }
            return nil
        }
    }

    var schemaReason: String? {
        seen.withLock { seen in
            guard let schema = seen.schema else { return "the schema's version is not known" }
            guard schema >= Migrator.expectedVersion else {
                return
                    "the schema is at \(schema), this build needs \(Migrator.expectedVersion): run sso-admin migrate"
            }
            return nil
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isChecked = false
            while !Task.isCancelled {
                await self.look(checked: &isChecked)
                // Throws only when cancelled, which the loop sees.
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func look(checked: inout Bool) async {
        do throws(PostgresError) {
            let schema = try await Migrator.appliedVersion(pool)
            if !checked {
                var problem = try await roleProblem()
                if problem == nil { problem = try await tableProblem() }
                if problem == nil { problem = try await serverProblem() }
                seen.withLock { $0.problem = problem }
                checked = true
            }
            let asked = ContinuousClock.now
            if let figures = try await pool.query(RoleStatements.figures.bind()).first {
                clock.note(figures.now, asked: asked, wall: Date(), monotonic: .now)
                queueUsage.record(figures.queueUsage)
            }
            seen.withLock { seen in
                seen.answeredAt = .now
                seen.schema = schema
            }
        } catch {
            // What is wrong is told by /readyz once the last answer is too old; a single failure is no news.
            logger.debug("The database did not answer.", metadata: ["error": "\(error)"])
            if case .server(let refusal) = error, refusal.sqlState == .undefinedTable {
                seen.withLock { seen in
                    seen.answeredAt = .now
                    seen.schema = 0
                }
            }
        }
    }

    /// A role that row-level security does not bind is none to serve tenants with.
    private func roleProblem() async throws(PostgresError) -> String? {
        guard let facts = try await pool.query(RoleStatements.facts.bind()).first else { return nil }
        guard facts.name == role, !facts.isUnbound else {
            let problem = "the session's role is \(facts.name), not \(role) with row-level security"
            logger.critical("Refusing to serve.", metadata: ["reason": "\(problem)"])
            return problem
        }
        return nil
    }

    /// A table of tenants that shows everybody's rows is none to serve from.
    private func tableProblem() async throws(PostgresError) -> String? {
        guard let table = try await pool.query(RoleStatements.unforced.bind()).first else { return nil }
        let problem = "table \(table) does not force row-level security"
        logger.critical("Refusing to serve.", metadata: ["reason": "\(problem)"])
        return problem
    }

    private func serverProblem() async throws(PostgresError) -> String? {
        let version = try await pool.ping()
        guard version < Self.patchedServer else { return nil }
        logger.warning(
            "The PostgreSQL server lacks fixes to row-level security; update it.",
            metadata: ["reason": "\(version)"]
        )
        return requiresPatchedServer ? "the PostgreSQL server lacks security fixes (version \(version))" : nil
    }
}

enum RoleStatements {
    static let facts = Statement<(name: String, isUnbound: Bool)>(
        """
        SELECT rolname::text, rolsuper OR rolbypassrls
        FROM pg_roles
        WHERE rolname = current_user
        """
    ) { row throws(RowDecodingError) in
        (name: try row.next(String.self), isUnbound: try row.next(Bool.self))
    }

    /// A table with rows of workspaces that are not kept apart, if there is one.
    static let unforced = Statement<String>(
        """
        SELECT DISTINCT relname::text
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')
            AND (attname = 'workspace_id' AND NOT attisdropped OR relname = 'workspaces')
            AND NOT (relrowsecurity AND relforcerowsecurity)
        ORDER BY 1
        LIMIT 1
        """
    ) { row throws(RowDecodingError) in try row.next(String.self) }

    /// How full the queue of notifications is, from 0 to 1, for a full one fails commits that notify; and the clock.
    static let figures = Statement<(queueUsage: Double, now: Date)>(
        """
        SELECT pg_notification_queue_usage(), clock_timestamp()
        """
    ) { row throws(RowDecodingError) in
        (queueUsage: try row.next(Double.self), now: try row.next(Date.self))
    }
}

extension ConfigurationFeed.Node {
    /// This process as a node of `service`.
    package init(service: String) {
        self.init(
            id: .v7(at: Date()),
            service: service,
            host: String(ProcessInfo.processInfo.hostName.prefix(255)),
            startedAt: Date()
        )
    }
}
