import Foundation
import TestCluster
import Testing

@testable import Postgres
@testable import Storage

/// A statement of the program, and whose it is.
struct ListedStatement: CustomTestStringConvertible, Sendable {
    let name: String
    let sql: String
    let parameters: [UInt32]
    let roles: [ServiceRole]

    var testDescription: String {
        name
    }

    init<each Input, Output>(
        _ name: String,
        _ statement: Statement<repeat each Input, Output>,
        _ roles: ServiceRole...
    ) {
        self.name = name
        sql = statement.text.sql
        parameters = statement.text.types
        self.roles = roles
    }

    /// Every statement but `NOTIFY`, which the server does not prepare by name.
    static let all =
        exchange + people + sessions + coordination + configuration + administration + keys
        + requests + housekeeping + administering

    private static let exchange = [
        ListedStatement("enter", Tenant.enter, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("record", ExchangeStatements.record, .tokenExchange),
        ListedStatement("count", RateStatements.count, .tokenExchange),
        ListedStatement("current", RateStatements.current, .tokenExchange),
    ]
    private static let people = [
        ListedStatement("find", SignInStatements.find, .tokenExchange),
        ListedStatement("add", SignInStatements.add, .tokenExchange),
        ListedStatement("begin", SignInStatements.begin, .tokenExchange),
        ListedStatement("session", SignInStatements.session, .tokenExchange),
        ListedStatement("admit", SignInStatements.admit, .tokenExchange),
        ListedStatement("standing", SignInStatements.standing, .tokenExchange),
    ]
    private static let sessions = [
        ListedStatement("access", SessionStatements.access, .tokenExchange),
        ListedStatement("refresh", SessionStatements.refresh, .tokenExchange),
        ListedStatement("touch", SessionStatements.touch, .tokenExchange),
        ListedStatement("end", SessionStatements.end, .tokenExchange, .ssoAdmin),
        ListedStatement("live", SessionStatements.live, .tokenExchange, .ssoAdmin),
        ListedStatement("ensure", SessionPartitions.ensure, .tokenExchange),
    ]
    private static let coordination = [
        ListedStatement("since", ChangeStatements.since, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("report", ChangeStatements.report, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("acknowledge", ChangeStatements.acknowledge, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("leave", ChangeStatements.leave, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("forgetful", ChangeNotifier.forgetful, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("unforced", RoleStatements.unforced, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("facts", RoleStatements.facts, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("databaseFigures", RoleStatements.figures, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("highest", MigrationStatements.highest, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("lock", MigrationStatements.lock),
        ListedStatement("isNew", MigrationStatements.isNew),
        ListedStatement("applied", MigrationStatements.applied),
        ListedStatement("checksum", MigrationStatements.checksum),
        ListedStatement("record migration", MigrationStatements.record),
        ListedStatement("partitions", MigrationStatements.partitions),
    ]
    private static let configuration = [
        ListedStatement("epochs", ConfigurationStatements.epochs, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("epoch", ConfigurationStatements.epoch, .tokenExchange, .ssoAdmin, .keyRotator),
        ListedStatement("workspace", ConfigurationStatements.workspace, .tokenExchange, .ssoAdmin),
        ListedStatement("apps", ConfigurationStatements.apps, .tokenExchange, .ssoAdmin),
        ListedStatement("groups", ConfigurationStatements.groups, .tokenExchange, .ssoAdmin),
        ListedStatement("apiKeys", ConfigurationStatements.apiKeys, .tokenExchange, .ssoAdmin),
        ListedStatement("signingKeys", ConfigurationStatements.signingKeys, .tokenExchange),
        ListedStatement("publicSigningKeys", ConfigurationStatements.publicSigningKeys, .ssoAdmin),
        ListedStatement("allPublicSigningKeys", ConfigurationStatements.allPublicSigningKeys, .ssoAdmin),
        ListedStatement("browserSecret", ConfigurationStatements.browserSecret, .tokenExchange),
    ]
    private static let administration = [
        ListedStatement("new workspace", AdministrationStatements.workspace, .ssoAdmin),
        ListedStatement("new apiKey", AdministrationStatements.apiKey, .ssoAdmin),
        ListedStatement("new adminToken", AdministrationStatements.adminToken, .ssoAdmin),
        ListedStatement("new platformAdminToken", AdministrationStatements.platformAdminToken, .ssoAdmin),
        ListedStatement("new group", AdministrationStatements.group, .ssoAdmin),
        ListedStatement("new app", AdministrationStatements.app, .ssoAdmin),
        ListedStatement("new origins", AdministrationStatements.origins, .ssoAdmin),
        ListedStatement("new redirectURIs", AdministrationStatements.redirectURIs, .ssoAdmin),
        ListedStatement("new memberships", AdministrationStatements.memberships, .ssoAdmin),
        ListedStatement("append", AuditLog.statement, .tokenExchange, .ssoAdmin, .keyRotator),
    ]
    private static let keys = [
        ListedStatement("claim", KeyScheduleStatements.claim, .keyRotator),
        ListedStatement("nextDue", KeyScheduleStatements.nextDue, .keyRotator),
        ListedStatement("figures", KeyScheduleStatements.figures, .keyRotator),
        ListedStatement("scheduled", KeyScheduleStatements.all, .keyRotator),
        ListedStatement("take", KeyScheduleStatements.take, .keyRotator),
        ListedStatement("schedule", KeyScheduleStatements.schedule, .keyRotator),
        ListedStatement("goOn", KeyScheduleStatements.goOn, .keyRotator),
        ListedStatement("rest", KeyScheduleStatements.rest, .keyRotator),
        ListedStatement("policy", KeyFactsStatements.policy, .keyRotator),
        ListedStatement("keys", KeyFactsStatements.keys, .keyRotator),
        ListedStatement("lockedKeys", KeyFactsStatements.lockedKeys, .keyRotator),
        ListedStatement("open requests", KeyFactsStatements.requests, .keyRotator),
        ListedStatement("insert", KeyStatements.insert, .keyRotator),
        ListedStatement("activate", KeyStatements.activate, .keyRotator),
        ListedStatement("withdraw", KeyStatements.withdraw, .keyRotator),
        ListedStatement("retire", KeyStatements.retire, .keyRotator),
        ListedStatement("compromise", KeyStatements.compromise, .keyRotator),
        ListedStatement("erase", KeyStatements.erase, .keyRotator),
        ListedStatement("insertSecret", KeyStatements.insertSecret, .keyRotator),
    ]
    private static let requests = [
        ListedStatement("ask", KeyRequestStatements.ask, .ssoAdmin),
        ListedStatement("decide", KeyRequestStatements.decide, .keyRotator),
        ListedStatement("endSessions", KeyRequestStatements.endSessions, .keyRotator),
        ListedStatement("unfinished", KeyRequestStatements.unfinished, .keyRotator),
        ListedStatement("progress", KeyRequestStatements.progress, .ssoAdmin, .keyRotator),
        ListedStatement("acknowledgement", KeyRequestStatements.acknowledgement, .ssoAdmin, .keyRotator),
        ListedStatement("acknowledge request", KeyRequestStatements.acknowledge, .keyRotator),
        ListedStatement("sealed keys", SealedStatements.keys, .keyRotator),
        ListedStatement("sealed secrets", SealedStatements.secrets, .keyRotator),
        ListedStatement("replaceKey", SealedStatements.replaceKey, .keyRotator),
        ListedStatement("replaceSecret", SealedStatements.replaceSecret, .keyRotator),
        ListedStatement("times", KeyImpactStatements.times, .ssoAdmin, .keyRotator),
        ListedStatement("impact", KeyImpactStatements.apps, .ssoAdmin),
        ListedStatement("note", KeyFetchStatements.note, .tokenExchange),
    ]
    private static let housekeeping = [
        ListedStatement("ensurePartitions", HousekeepingStatements.ensurePartitions, .keyRotator),
        ListedStatement("patient", HousekeepingStatements.patient, .keyRotator),
        ListedStatement("measure", HousekeepingStatements.measure, .keyRotator),
        ListedStatement("drop", HousekeepingStatements.drop, .keyRotator),
        ListedStatement("toDrop", HousekeepingStatements.toDrop, .keyRotator),
        ListedStatement("prune", HousekeepingStatements.prune, .keyRotator),
        ListedStatement("endStuck", HousekeepingStatements.endStuck, .keyRotator),
    ]
}

@Suite struct `Every statement` {
    @Test func `is in the list`() throws {
        let folder = URL(fileURLWithPath: migrationsFolder)
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources/Storage")
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        var count = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            count += text.matches(of: /static let \w+ =\s*(Statement<|signingKeys\()/).count
        }
        // NOTIFY is not prepared.
        #expect(count - 1 == ListedStatement.all.count)
    }

    @Test func `is prepared against the schema`() async throws {
        try await withInstallation { installation in
            try await installation.superuser.withSession { session in
                for (number, statement) in ListedStatement.all.enumerated() {
                    try await prepare(statement, as: "listed_\(number)", in: session)
                }
            }
        }
    }

    /// Planning for execution checks the rights to every table and column that the statement names.
    @Test(arguments: ServiceRole.allCases)
    func `may be run by the services that have it, and not by those it is not meant for`(
        _ role: ServiceRole
    ) async throws {
        try await withInstallation { installation in
            for (number, statement) in ListedStatement.all.enumerated()
            where statement.sql.contains(/FROM|INTO|UPDATE/) {
                let name = "listed_\(number)"
                let state = try await sqlState {
                    try await installation.pool(as: role).withSession { session in
                        try await prepare(statement, as: name, in: session)
                        let nulls = statement.parameters.map { _ in "NULL" }.joined(separator: ", ")
                        try await session.execute(
                            script: "EXPLAIN EXECUTE \(name)\(nulls.isEmpty ? "" : "(\(nulls))")"
                        )
                    }
                }
                if statement.roles.contains(role) {
                    #expect(state == nil, "\(statement.name)")
                } else if Self.forbidden[role]?.contains(statement.name) ?? false {
                    #expect(state == .insufficientPrivilege, "\(statement.name)")
                }
            }
        }
    }

    /// What each service must not do even should it send another's statements.
    private static let forbidden: [ServiceRole: Set<String>] = [
        .tokenExchange: [
            "new workspace", "new apiKey", "new adminToken", "new platformAdminToken", "new group", "new app",
            "new origins", "new redirectURIs", "new memberships", "insert", "insertSecret", "claim",
            "schedule",
            "activate", "retire", "compromise", "ask", "decide", "endSessions", "replaceKey",
            "drop",
            "measure", "record migration",
        ],
        .ssoAdmin: [
            "record", "refresh", "begin", "session", "count", "signingKeys", "browserSecret", "insert",
            "insertSecret", "claim", "activate", "compromise", "decide", "endSessions", "replaceKey",
            "sealed keys",
            "note", "drop", "record migration",
        ],
        .keyRotator: [
            "record", "refresh", "begin", "session", "access", "end", "live", "find", "add", "count", "apps",
            "apiKeys",
            "new workspace", "new apiKey", "new app", "new platformAdminToken", "ask", "note", "impact",
            "record migration",
        ],
    ]

    /// On an empty table every index looks equally good, and the plan made then stays: the user's index must not be
    /// among those to choose from, or a user of a thousand sessions is a thousand times slower.
    @Test(arguments: ["record", "access", "refresh", "touch", "session"])
    func `of a session's id goes by its primary key from the first day on`(_ name: String) async throws {
        try await withInstallation { installation in
            let statement = try #require(ListedStatement.all.first { $0.name == name })
            let nulls = statement.parameters.map { _ in "NULL" }.joined(separator: ", ")
            let explain = Statement<String>("EXPLAIN (COSTS OFF) EXECUTE looked_at(\(nulls))") {
                row throws(RowDecodingError) in try row.next(String.self)
            }
            let plan = try await installation.pool(as: .tokenExchange).withSession { session in
                // Otherwise no partition is left to show: no id is null.
                try await session.execute(script: "SET enable_partition_pruning = off")
                try await prepare(statement, as: "looked_at", in: session)
                let plan = try await session.query(explain.bind())
                try await session.execute(script: "DEALLOCATE looked_at; RESET enable_partition_pruning")
                return plan
            }
            let scans = plan.filter { $0.contains(#/ on sessions_[0-9]+ /#) && $0.contains("Scan") }
            #expect(scans.count >= 3)
            for scan in scans {
                #expect(scan.contains(#/Index Scan using sessions_[0-9]+_pkey /#), "\(scan)")
            }
        }
    }

    private func prepare(
        _ statement: ListedStatement,
        as name: String,
        in session: PostgresSession
    ) async throws {
        let oids = statement.parameters.map { "\($0)" }.joined(separator: ",")
        let types = try await session.query(typeNames.bind("{\(oids)}"))
        let list = types.isEmpty ? "" : "(\(types.joined(separator: ", ")))"
        try await session.execute(script: "PREPARE \(name)\(list) AS \(statement.sql)")
    }
}

private let typeNames = Statement<String, String>(
    "SELECT format_type(oid, NULL) FROM unnest($1::text::oid[]) WITH ORDINALITY AS given (oid, place) ORDER BY place"
) { row throws(RowDecodingError) in try row.next(String.self) }
