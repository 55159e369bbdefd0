import ArgumentParser
import Chassis
import Domain
import Storage
import Tokens

struct VerifyAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Follows a workspace's audit log from hash to hash; exits 1 at an entry that was edited, removed or moved."
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    func run() async throws {
        try await Administration.reach { administration, pool, _ in
            let workspace = try await Administration.workspace(workspace, administration)
            switch try await AuditStore(pool: pool).verify(workspace.id) {
            case .intact(let entries, let prunedThrough):
                Administration.print { json in
                    json.beginObject()
                    json.text("verdict", "intact")
                    json.number("entries", entries)
                    json.number("pruned_through", prunedThrough)
                    json.endObject()
                }
            case .altered(let sequence):
                throw CommandFailure(text: "altered: entry \(sequence) is not as it was written")
            case .missing(let sequence):
                throw CommandFailure(text: "missing: entry \(sequence) is gone")
            case .reordered(let sequence):
                throw CommandFailure(text: "reordered: entry \(sequence) does not follow the one before it")
            }
        }
    }
}
