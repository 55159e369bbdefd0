import FoundationEssentials
package import Postgres

/// Brings the schema to what the files say: each once, in order, under a lock that only one migrator holds.
package struct Migrator: Sendable {
    /// One file of `sql/migrations`: `NNNN_subject.sql`.
    package struct Migration: Hashable, Sendable {
        /// The number it begins with.
        package let version: Int
        /// The name that people read.
        package let name: String
        /// The SQL.
        package let script: String
    }

    /// Why nothing (more) was applied.
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// The folder has no migration.
        case nothingFound(String)
        /// A file's name is not `NNNN_subject.sql`, or two have one number.
        case misnamed(String)
        /// An applied migration's file is not what was applied.
        case changed(String)
        /// An applied migration has no file.
        case missing(String)
        /// A new migration's number is below one that is applied.
        case outOfOrder(String)

        /// What is wrong, for the operator.
        package var description: String {
            switch self {
            case .nothingFound(let folder): "there are no migrations in \(folder)"
            case .misnamed(let name): "\(name) is not named NNNN_subject.sql, or its number is taken"
            case .changed(let name):
                "\(name) was applied and has been changed since; restore it and add a new one"
            case .missing(let name): "\(name) was applied and its file is gone; restore it"
            case .outOfOrder(let name): "\(name) comes before one that is applied; give it a higher number"
            }
        }
    }

    /// The version a service of this build works with: the highest migration it was written against.
    package static let expectedVersion = 10

    private let migrations: [Migration]

    /// Reads the files of a folder.
    package init(folder: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".sql")
        }.sorted()
        guard !names.isEmpty else { throw Refusal.nothingFound(folder) }
        var migrations: [Migration] = []
        for name in names {
            let digits = name.utf8.prefix(4)
            guard digits.count == 4, digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let version = Int(name.prefix(4)),
                name.utf8.dropFirst(4).first == UInt8(ascii: "_"),
                migrations.last.map({ $0.version < version }) ?? true
            else {
                throw Refusal.misnamed(name)
            }
            let script = String(
                decoding: try Data(contentsOf: URL(filePath: "\(folder)/\(name)")),
                as: UTF8.self
            )
            migrations.append(Migration(version: version, name: String(name.dropLast(4)), script: script))
        }
        self.migrations = migrations
    }

    /// The highest version that is applied; none before the first.
    ///
    /// One round trip.
    package static func appliedVersion(_ pool: PostgresPool) async throws(PostgresError) -> Int? {
        try await pool.query(MigrationStatements.highest.bind()).first ?? nil
    }

    /// Applies what is missing, each migration in a transaction of its own, and answers their names.
    ///
    /// Session partitions for the coming days are made as well. Safe to run anywhere at any time, also twice
    /// at once.
    package func migrate(
        _ settings: PostgresSettings,
        report: @Sendable (String) -> Void
    ) async throws -> [String] {
        try await PostgresConnection.withConnection(settings) { connection in
            // Held until the session ends, however it ends.
            _ = try await connection.query(MigrationStatements.lock.bind())
            var applied: [String] = []
            for migration in try await pending(connection) {
                try await apply(migration, connection)
                report(migration.name)
                applied.append(migration.name)
            }
            _ = try await connection.query(MigrationStatements.partitions.bind())
            return applied
        }
    }

    private func pending(_ connection: PostgresSession) async throws -> [Migration] {
        let isNew = try await connection.query(MigrationStatements.isNew.bind()).first ?? true
        guard !isNew else { return migrations }
        let applied = try await connection.query(MigrationStatements.applied.bind())
        for row in applied {
            guard let file = migrations.first(where: { $0.version == row.version }) else {
                throw Refusal.missing(row.name)
            }
            let checksum = try await connection.query(MigrationStatements.checksum.bind(file.script)).first
            guard checksum == row.checksum, file.name == row.name else { throw Refusal.changed(file.name) }
        }
        let highest = applied.last?.version ?? 0
        let pending = migrations.filter { file in !applied.contains { $0.version == file.version } }
        if let late = pending.first(where: { $0.version < highest }) { throw Refusal.outOfOrder(late.name) }
        return pending
    }

    private func apply(_ migration: Migration, _ connection: PostgresSession) async throws {
        try await connection.transaction(.readCommitted) { transaction in
            try await transaction.execute(script: migration.script)
            // A migration may have taken the owner's role for the rest of its transaction.
            try await transaction.execute(script: "RESET ROLE")
            _ = try await transaction.query(
                MigrationStatements.record.bind(migration.version, migration.name, migration.script)
            )
        }
    }
}

enum MigrationStatements {
    static let lock = Statement<Void>("SELECT pg_advisory_lock(hashtextextended('breezeway.migrate', 0))")

    static let isNew = Statement<Bool>("SELECT to_regclass('schema_migrations') IS NULL") {
        row throws(RowDecodingError) in try row.next(Bool.self)
    }

    static let highest = Statement<Int?>("SELECT max(version) FROM schema_migrations") {
        row throws(RowDecodingError) in try row.next(Int?.self)
    }

    static let applied = Statement<(version: Int, name: String, checksum: String)>(
        """
        SELECT version, name, checksum
        FROM schema_migrations
        ORDER BY version
        """
    ) { row throws(RowDecodingError) in
        (
            version: try row.next(Int.self), name: try row.next(String.self),
            checksum: try row.next(String.self)
        )
    }

    static let checksum = Statement<String, String>("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')") {
        row throws(RowDecodingError) in try row.next(String.self)
    }

    static let record = Statement<Int, String, String, Void>(
        """
        INSERT INTO schema_migrations (version, name, checksum)
        VALUES ($1::bigint, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'))
        """
    )

    static let partitions = Statement<Int>(
        """
        SELECT ensure_session_partitions(
            (now() AT TIME ZONE 'UTC')::date - 1,
            (now() AT TIME ZONE 'UTC')::date + 14
        )
        """
    ) { row throws(RowDecodingError) in try row.next(Int.self) }
}
