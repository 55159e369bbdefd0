import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Storage
import Tokens

struct KeyImpact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key-impact",
        abstract: "Says what hangs on a signing key: sessions, apps, and who has fetched the newest key.",
        discussion: "Fetches are known for each app's own JWKS address, give or take a minute."
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Option(help: "The key's name, as `key-rotator status` shows it.")
    var kid: String

    func run() async throws {
        try await Administration.reach { administration, pool, _ in
            let workspace = try await Administration.workspace(workspace, administration)
            guard let impact = try await KeyImpactStore(pool: pool).impact(of: kid, in: workspace.id) else {
                throw CommandFailure(text: "not_found: the workspace has no such key")
            }
            Administration.print { json in impact.write(to: &json) }
        }
    }
}

extension KeyImpactStore.Impact {
    fileprivate func write(to json: inout JSONWriter) {
        json.beginObject()
        json.text("kid", key.kid)
        json.text("state", state.rawValue)
        json.number("sessions", sessions)
        if let latestExpiry { json.text("latest_expiry", latestExpiry.ISO8601Format()) }
        json.text("newest_key_published_at", newestPublishedAt.ISO8601Format())
        json.text("newest_key_known_at", newestKnownAt.ISO8601Format())
        json.text("gone_without_harm_at", goneAt.ISO8601Format())
        json.name("apps")
        json.beginArray()
        for app in apps {
            json.beginObject()
            json.text("app_id", app.appID.raw)
            json.number("sessions", app.sessions)
            if let fetchedAt = app.fetchedAt { json.text("keys_fetched_at", fetchedAt.ISO8601Format()) }
            json.name("has_newest_key")
            json.bool(app.fetchedAt.map { $0 >= newestPublishedAt } ?? false)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
