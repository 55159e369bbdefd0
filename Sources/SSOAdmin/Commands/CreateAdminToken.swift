import ArgumentParser
import Chassis
import Domain
import Storage
import Tokens

struct CreateAdminToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Makes an admin token and prints it, once: for one workspace, or for the whole installation."
    )

    @Option(help: "The workspace's slug; without it the token is for the whole installation.")
    var workspace: String?

    @Option(help: "owner, admin or viewer.")
    var role: String = AdminRole.owner.rawValue

    @Option(help: "What the token is for.")
    var name: String = "command line"

    func validate() throws {
        guard AdminRole(rawValue: role) != nil else {
            throw ValidationError("--role takes owner, admin or viewer")
        }
    }

    func run() async throws {
        // Checked by `validate`.
        let role = AdminRole(rawValue: role) ?? .viewer
        try await Administration.perform { administration, _ in
            let token: IssuedCredential
            if let workspace {
                let workspace = try await Administration.workspace(workspace, administration)
                token = IssuedCredential(prefix: "bwadm_\(workspace.id.hex)_", name: name)
                try await administration.createAdminToken(
                    token.stored,
                    role: role,
                    in: workspace.id,
                    actor: Administration.actor
                )
            } else {
                token = IssuedCredential(prefix: "bwadm_platform_", name: name)
                try await administration.createPlatformAdminToken(token.stored, role: role)
            }
            Administration.print { json in
                json.beginObject()
                json.text("id", token.id.text)
                json.text("token", token.text)
                json.endObject()
            }
        }
    }
}
