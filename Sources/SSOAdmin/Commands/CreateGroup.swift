import ArgumentParser
import Chassis
import Domain
import Storage
import Tokens

struct CreateGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes an SSO group in a workspace.")

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Option(help: "Id of the group: 1 to 64 of A-Z, a-z, 0-9, _, . and -.")
    var id: String

    @Option(help: "Name for people; the id when not given.")
    var name: String?

    func validate() throws {
        guard SSOGroup.ID(text: id) != nil else {
            throw ValidationError("--id takes 1 to 64 of A-Z a-z 0-9 _ . -")
        }
    }

    func run() async throws {
        try await Administration.perform { administration, _ in
            let workspace = try await Administration.workspace(workspace, administration)
            try await administration.createGroup(
                SSOGroup(id: SSOGroup.ID(id), name: name ?? id),
                in: workspace.id,
                actor: Administration.actor
            )
            Administration.print { json in
                json.beginObject()
                json.text("id", id)
                json.text("name", name ?? id)
                json.endObject()
            }
        }
    }
}
