package import Domain
import FoundationEssentials
package import Postgres

/// A workspace's apps, as operators see and change them.
package struct ApplicationStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// What belongs to an app beside its own columns; none leaves it as it is.
    package struct Belongings: Hashable, Sendable {
        /// Web origins that speak for it.
        package var origins: [String]?
        /// Where its users may be sent back to.
        package var redirectURIs: [String]?
        /// The SSO groups it is in.
        package var groups: [String]?

        package init(origins: [String]? = nil, redirectURIs: [String]? = nil, groups: [String]? = nil) {
            self.origins = origins
            self.redirectURIs = redirectURIs
            self.groups = groups
        }

        func statements(_ workspaceID: Workspace.ID, _ appID: ConnectedApp.ID) -> [BoundStatement<Void>] {
            let (id, app) = (workspaceID.raw, appID.raw)
            var statements: [BoundStatement<Void>] = []
            if let origins {
                statements.append(ApplicationStatements.removeOrigins.bind(id, app, origins))
                statements.append(ApplicationStatements.addOrigins.bind(id, app, origins))
            }
            if let redirectURIs {
                statements.append(ApplicationStatements.removeRedirectURIs.bind(id, app, redirectURIs))
                statements.append(ApplicationStatements.addRedirectURIs.bind(id, app, redirectURIs))
            }
            if let groups {
                statements.append(ApplicationStatements.leaveGroups.bind(id, app, groups))
                statements.append(ApplicationStatements.joinGroups.bind(id, app, groups))
            }
            return statements
        }
    }

    /// What would go with an app.
    package struct Hold: Hashable, Sendable {
        /// Its members, counted to a hundred thousand.
        package let members: Int
        /// Its live sessions, counted to a hundred thousand.
        package let sessions: Int
    }

    /// Part of the list, by id.
    ///
    /// One round trip.
    package func list(_ page: PageRequest, in workspaceID: Workspace.ID) async throws(PostgresError) -> Page {
        let (id, after) = (workspaceID.raw, page.after ?? "")
        guard let beginning = page.beginning, let beyond = page.beyond else {
            let found = try await pool.read(
                in: workspaceID,
                ApplicationStatements.list.bind(id, after, page.fetched)
            )
            return Page(found, page)
        }
        let found = try await pool.read(
            in: workspaceID,
            ApplicationStatements.search.bind(id, after, page.fetched, beginning, beyond)
        )
        return Page(found, page)
    }

    /// An app's JSON, if there is one.
    ///
    /// One round trip.
    package func find(
        _ appID: ConnectedApp.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, ApplicationStatements.find.bind(workspaceID.raw, appID.raw))
            .first
    }

    /// Registers an app; `columns` is JSON of the columns that are not to have their defaults.
    ///
    /// A taken id or origin is a unique violation, a group that does not exist a foreign key violation.
    package func create(
        _ appID: ConnectedApp.ID,
        clientID: String,
        clientSecretHash: [UInt8]?,
        columns: String,
        belongings: Belongings,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let made = try await change.make(
                "application.create",
                "application:\(appID.raw)",
                by: [
                    ApplicationStatements.insert.bind(id, appID.raw, clientID, clientSecretHash),
                    ApplicationStatements.update.bind(id, appID.raw, columns),
                ] + belongings.statements(workspaceID, appID),
                reading: ApplicationStatements.find.bind(id, appID.raw)
            )
            return made ?? ""
        }
    }

    /// Changes an app; `columns` is JSON of the columns that change.
    package func change(
        _ appID: ConnectedApp.ID,
        columns: String,
        belongings: Belongings,
        if precondition: Precondition?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                "application.update",
                "application:\(appID.raw)",
                reading: ApplicationStatements.lock.bind(workspaceID.raw, appID.raw),
                if: precondition,
                by: [ApplicationStatements.update.bind(workspaceID.raw, appID.raw, columns)]
                    + belongings.statements(workspaceID, appID)
            )
        }
    }

    /// Gives an app another client secret; the one before is taken for `overlap` seconds more.
    package func rotateSecret(
        of appID: ConnectedApp.ID,
        to hash: [UInt8],
        overlap: Int,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                "application.rotate_secret",
                "application:\(appID.raw)",
                reading: ApplicationStatements.lock.bind(workspaceID.raw, appID.raw),
                if: nil,
                by: [ApplicationStatements.rotateSecret.bind(workspaceID.raw, appID.raw, hash, overlap)]
            )
        }
    }

    /// Removes an app with its memberships and sessions, unless `mayGo` throws at what would go; none when there is none.
    package func remove(
        _ appID: ConnectedApp.ID,
        if precondition: Precondition?,
        mayGo: @escaping @Sendable (Hold) throws -> Void,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let hold = try await change.transaction.query(ApplicationStatements.hold.bind(id, appID.raw))
            return try await change.change(
                "application.delete",
                "application:\(appID.raw)",
                reading: ApplicationStatements.lock.bind(id, appID.raw),
                if: { json in
                    try precondition?(json)
                    if let hold = hold.first { try mayGo(hold) }
                },
                by: [ApplicationStatements.delete.bind(id, appID.raw)]
            )
        }
    }
}
