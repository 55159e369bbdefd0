package import Domain
import FoundationEssentials
package import Postgres

/// A workspace's SSO groups, as operators see and change them.
package struct GroupStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Part of the list, by id.
    ///
    /// One round trip.
    package func list(_ page: PageRequest, in workspaceID: Workspace.ID) async throws(PostgresError) -> Page {
        let found = try await pool.read(
            in: workspaceID,
            GroupStatements.list.bind(
                workspaceID.raw,
                page.after ?? "",
                page.fetched,
                page.beginning,
                page.beyond
            )
        )
        return Page(found, page)
    }

    /// A group's JSON with its apps, if there is one.
    ///
    /// One round trip.
    package func find(
        _ group: SSOGroup.ID,
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> String? {
        try await pool.read(in: workspaceID, GroupStatements.find.bind(workspaceID.raw, group.raw)).first
    }

    /// Makes a group with apps.
    ///
    /// A taken id is a unique violation, an app that does not exist a foreign key violation.
    package func create(
        _ group: SSOGroup,
        apps: [String],
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let made = try await change.make(
                "sso_group.create",
                "sso_group:\(group.id.raw)",
                by: [
                    GroupStatements.insert.bind(id, group.id.raw, group.name),
                    GroupStatements.add.bind(id, group.id.raw, apps),
                ],
                reading: GroupStatements.find.bind(id, group.id.raw)
            )
            return made ?? ""
        }
    }

    /// Gives a group another name.
    package func rename(
        _ group: SSOGroup.ID,
        to name: String,
        if precondition: Precondition?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await change("sso_group.update", group, if: precondition, in: workspaceID, by: administrator) {
            GroupStatements.rename.bind($0, group.raw, name)
        }
    }

    /// Puts an app into a group; one that is in it stays.
    ///
    /// An app that does not exist is a foreign key violation.
    package func add(
        _ app: ConnectedApp.ID,
        to group: SSOGroup.ID,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await change("sso_group.add_app", group, if: nil, in: workspaceID, by: administrator) {
            GroupStatements.add.bind($0, group.raw, [app.raw])
        }
    }

    /// Takes an app out of a group; none when there is no such group, and a thrown `notInGroup` when it was not in it.
    package func remove(
        _ app: ConnectedApp.ID,
        from group: SSOGroup.ID,
        notInGroup: any Error,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let isMember = try await change.transaction.query(
                GroupStatements.isIn.bind(id, group.raw, app.raw)
            )
            return try await change.change(
                "sso_group.remove_app",
                "sso_group:\(group.raw)",
                reading: GroupStatements.lock.bind(id, group.raw),
                if: { _ in if isMember.first != true { throw notInGroup } },
                by: [GroupStatements.take.bind(id, group.raw, app.raw)]
            )
        }
    }

    /// Removes a group, unless `mayGo` throws at the apps that are in it; none when there is no such group.
    package func delete(
        _ group: SSOGroup.ID,
        if precondition: Precondition?,
        mayGo: @escaping @Sendable (_ apps: Int) throws -> Void,
        in workspaceID: Workspace.ID,
        by administrator: Administrator
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            let id = workspaceID.raw
            let held = try await change.transaction.query(GroupStatements.held.bind(id, group.raw))
            return try await change.change(
                "sso_group.delete",
                "sso_group:\(group.raw)",
                reading: GroupStatements.lock.bind(id, group.raw),
                if: { json in
                    try precondition?(json)
                    try mayGo(held.first ?? 0)
                },
                by: [GroupStatements.delete.bind(id, group.raw)]
            )
        }
    }

    /// How many live sessions of an app there are; counted to a hundred thousand.
    ///
    /// One round trip.
    package func liveSessions(
        of apps: [ConnectedApp.ID],
        in workspaceID: Workspace.ID
    ) async throws(PostgresError) -> [ConnectedApp.ID: Int] {
        let found = try await pool.read(
            in: workspaceID,
            GroupStatements.liveSessions.bind(workspaceID.raw, apps.map(\.raw))
        )
        return Dictionary(found.map { (ConnectedApp.ID($0.app), $0.count) }) { first, _ in first }
    }

    private func change(
        _ action: String,
        _ group: SSOGroup.ID,
        if precondition: Precondition?,
        in workspaceID: Workspace.ID,
        by administrator: Administrator,
        _ statement: (UUID) -> BoundStatement<Void>
    ) async throws -> Administered<String?> {
        try await pool.administer(workspaceID, by: administrator) { change in
            try await change.change(
                action,
                "sso_group:\(group.raw)",
                reading: GroupStatements.lock.bind(workspaceID.raw, group.raw),
                if: precondition,
                by: [statement(workspaceID.raw)]
            )
        }
    }
}
