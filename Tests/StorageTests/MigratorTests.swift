import Foundation
import Postgres
import Storage
import Synchronization
import TestCluster
import Testing

@Suite struct `Migrating` {
    @Test func `brings a new database to the version this build expects, once`() async throws {
        try await withEmptyDatabase { settings in
            let migrator = try Migrator(folder: migrationsFolder)
            let reported = Mutex<[String]>([])
            let applied = try await migrator.migrate(settings) { name in reported.withLock { $0.append(name) }
            }
            #expect(applied.count == Migrator.expectedVersion)
            #expect(applied == applied.sorted())
            #expect(reported.withLock { $0 } == applied)
            #expect(try await version(settings) == Migrator.expectedVersion)

            #expect(try await migrator.migrate(settings) { Issue.record("applied \($0) twice") } == [])
            #expect(try await version(settings) == Migrator.expectedVersion)
        }
    }

    @Test func `applies each migration once though many start at once`() async throws {
        try await withEmptyDatabase { settings in
            let migrator = try Migrator(folder: migrationsFolder)
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 { group.addTask { try await migrator.migrate(settings) { _ in } } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.count == Migrator.expectedVersion)
        }
    }

    @Test func `waits for whoever holds its lock`() async throws {
        try await withEmptyDatabase { settings in
            let migrator = try Migrator(folder: migrationsFolder)
            try await withThrowingTaskGroup(of: [String].self) { group in
                try await PostgresConnection.withConnection(settings) { session in
                    try await session.execute(
                        script: "SELECT pg_advisory_lock(hashtextextended('breezeway.migrate', 0))"
                    )
                    group.addTask { try await migrator.migrate(settings) { _ in } }
                    let isWaiting = try await eventually {
                        try await session.query(othersWaiting.bind()) == [1]
                    }
                    #expect(isWaiting)
                    #expect(try await session.query(tables.bind()) == [0])
                }
                #expect(try await group.next()?.count == Migrator.expectedVersion)
            }
        }
    }

    @Test func `goes on where an earlier build ended`() async throws {
        try await withEmptyDatabase { settings in
            let folder = try Folder(["0001_one.sql": "CREATE TABLE schema_migrations \(Self.journal)"])
            #expect(try await folder.migrate(settings) == ["0001_one"])
            try folder.write("0002_two.sql", "CREATE TABLE two ()")
            try folder.write("0007_seven.sql", "CREATE TABLE seven ()")
            #expect(try await folder.migrate(settings) == ["0002_two", "0007_seven"])
        }
    }

    @Test func `refuses a migration that was changed after it was applied, and applies nothing`() async throws
    {
        try await withEmptyDatabase { settings in
            let folder = try Folder(["0001_one.sql": "CREATE TABLE schema_migrations \(Self.journal)"])
            _ = try await folder.migrate(settings)
            try folder.write("0001_one.sql", "CREATE TABLE schema_migrations \(Self.journal) -- changed")
            try folder.write("0002_two.sql", "CREATE TABLE two ()")
            await #expect(throws: Migrator.Refusal.changed("0001_one")) {
                try await folder.migrate(settings)
            }
            #expect(try await version(settings) == 1)
        }
    }

    @Test func `refuses a migration that was renamed after it was applied`() async throws {
        try await withEmptyDatabase { settings in
            let script = "CREATE TABLE schema_migrations \(Self.journal)"
            _ = try await Folder(["0001_one.sql": script]).migrate(settings)
            let renamed = try Folder(["0001_other.sql": script])
            await #expect(throws: Migrator.Refusal.changed("0001_other")) {
                try await renamed.migrate(settings)
            }
        }
    }

    @Test func `refuses when the file of an applied migration is gone`() async throws {
        try await withEmptyDatabase { settings in
            let one = "CREATE TABLE schema_migrations \(Self.journal)"
            let both = try Folder(["0001_one.sql": one, "0002_two.sql": "CREATE TABLE two ()"])
            _ = try await both.migrate(settings)
            let first = try Folder(["0001_one.sql": one, "0003_three.sql": "CREATE TABLE three ()"])
            await #expect(throws: Migrator.Refusal.missing("0002_two")) {
                try await first.migrate(settings)
            }
            #expect(try await version(settings) == 2)
        }
    }

    @Test func `refuses a new migration that comes before one that is applied`() async throws {
        try await withEmptyDatabase { settings in
            let folder = try Folder([
                "0001_one.sql": "CREATE TABLE schema_migrations \(Self.journal)",
                "0003_three.sql": "CREATE TABLE three ()",
            ])
            _ = try await folder.migrate(settings)
            try folder.write("0002_two.sql", "CREATE TABLE two ()")
            await #expect(throws: Migrator.Refusal.outOfOrder("0002_two")) {
                try await folder.migrate(settings)
            }
        }
    }

    @Test func `leaves nothing of a migration that fails, and keeps those before it`() async throws {
        try await withEmptyDatabase { settings in
            let folder = try Folder([
                "0001_one.sql": "CREATE TABLE schema_migrations \(Self.journal)",
                "0002_two.sql": "CREATE TABLE two (); SELECT 1 / 0",
            ])
            #expect(try await sqlState { _ = try await folder.migrate(settings) } == SQLState("22012"))
            #expect(try await version(settings) == 1)
            try folder.write("0002_two.sql", "CREATE TABLE two ()")
            #expect(try await folder.migrate(settings) == ["0002_two"])
        }
    }

    @Test func `gives up a role that a migration took`() async throws {
        try await withEmptyDatabase { settings in
            let folder = try Folder([
                "0001_one.sql": "CREATE TABLE schema_migrations \(Self.journal)",
                "0002_two.sql": "SET LOCAL ROLE pg_monitor",
            ])
            #expect(try await folder.migrate(settings) == ["0001_one", "0002_two"])
        }
    }

    @Test func `wants files that are numbered and named`() throws {
        #expect(throws: Migrator.Refusal.self) { try Folder([:]).migrator() }
        for name in ["1_one.sql", "0001one.sql", "00a1_one.sql", "one.sql", "٠٠٠١_one.sql"] {
            let folder = try Folder([name: "SELECT 1"])
            #expect(throws: Migrator.Refusal.misnamed(name)) { try folder.migrator() }
        }
        let twice = try Folder(["0001_one.sql": "SELECT 1", "0001_two.sql": "SELECT 1"])
        #expect(throws: Migrator.Refusal.misnamed("0001_two.sql")) { try twice.migrator() }
        _ = try Folder(["0001_one.sql": "SELECT 1", "README": ""]).migrator()
    }

    @Test func `is expected to reach the newest file`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: migrationsFolder).sorted()
        #expect(names.last?.hasPrefix(String(format: "%04d_", Migrator.expectedVersion)) ?? false)
    }

    @Test func `says in a sentence why it refuses`() {
        for refusal in [
            Migrator.Refusal.nothingFound("name"), .misnamed("name"), .changed("name"), .missing("name"),
            .outOfOrder("name"),
        ] {
            #expect(refusal.description.contains("name"))
        }
    }

    /// What every installation's first migration makes, and the function that migrating ends with.
    static let journal = """
        (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now());
        CREATE FUNCTION ensure_session_partitions(date, date) RETURNS integer LANGUAGE sql AS 'SELECT 0'
        """

    private func version(_ settings: PostgresSettings) async throws -> Int? {
        try await PostgresConnection.withConnection(settings) { session in
            try await session.query(highest.bind()).first ?? nil
        }
    }
}

/// A folder of migrations, gone with the test.
private final class Folder: Sendable {
    let path: String

    init(_ files: [String: String]) throws {
        path = NSTemporaryDirectory() + "breezeway-migrations-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, script) in files { try write(name, script) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)  // At worst a folder stays in /tmp.
    }

    func write(_ name: String, _ script: String) throws {
        try Data(script.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func migrator() throws -> Migrator {
        try Migrator(folder: path)
    }

    @discardableResult
    func migrate(_ settings: PostgresSettings) async throws -> [String] {
        try await migrator().migrate(settings) { _ in }
    }
}

private func withEmptyDatabase<Value: Sendable>(
    _ body: (PostgresSettings) async throws -> Value
) async throws -> Value {
    try await TestCluster.shared.withDatabase { url in
        try await body(patient(PostgresSettings(url: url, applicationName: "tests")))
    }
}

private let highest = Statement<Int?>("SELECT max(version) FROM schema_migrations") {
    row throws(RowDecodingError) in try row.next(Int?.self)
}
private let tables = Statement<Int>(
    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
) {
    row throws(RowDecodingError) in try row.next(Int.self)
}
private let othersWaiting = Statement<Int>(
    """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'advisory'
    """
) { row throws(RowDecodingError) in try row.next(Int.self) }
