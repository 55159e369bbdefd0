import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Storage
import Tokens

struct CreateWorkspace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a workspace; prints its id, a workspace API key and an owner's admin token, once.",
        discussion:
            "The running key-rotator makes its first signing key at once; `key-rotator run-once` does too."
    )

    @Option(help: "Unique name in paths: a-z, 0-9 and hyphens, at most 63.")
    var slug: String

    @Option(help: "Name for people; the slug when not given.")
    var name: String?

    @Option(help: "Signature algorithm: RS256, ES256 or EdDSA.")
    var algorithm: String = SigningAlgorithm.rs256.rawValue

    @Option(help: "Issuer of its tokens; PUBLIC_URL/w/SLUG when not given.")
    var issuer: String?

    func validate() throws {
        guard Workspace.isSlug(slug) else {
            throw ValidationError("--slug takes a-z, 0-9 and hyphens, at most 63")
        }
        guard SigningAlgorithm(rawValue: algorithm) != nil else {
            throw ValidationError("--algorithm takes RS256, ES256 or EdDSA")
        }
    }

    func run() async throws {
        let id = Workspace.ID(.v7(at: Date()))
        let apiKey = IssuedCredential(prefix: "scwor_", name: "first")
        let adminToken = IssuedCredential(prefix: "bwadm_\(id.hex)_", name: "first owner")
        try await Administration.perform { administration, settings in
            try await administration.createWorkspace(
                AdministrationStore.NewWorkspace(
                    id: id,
                    slug: slug,
                    name: name ?? slug,
                    issuer: issuer ?? "\(settings.publicURL)/w/\(slug)",
                    // Checked by `validate`.
                    algorithm: SigningAlgorithm(rawValue: algorithm) ?? .rs256
                ),
                apiKey: apiKey.stored,
                adminToken: adminToken.stored,
                actor: Administration.actor
            )
            Administration.print { json in
                json.beginObject()
                json.text("id", id.reference)
                json.text("slug", slug)
                json.text("issuer", issuer ?? "\(settings.publicURL)/w/\(slug)")
                json.text("api_key", apiKey.text)
                json.text("admin_token", adminToken.text)
                json.endObject()
            }
        }
    }
}
