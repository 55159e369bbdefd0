import ArgumentParser
import Chassis
import Domain
import FoundationEssentials
import Postgres
import Storage
import Tokens

struct RotateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Asks the key-rotator for a workspace's next signing key; waits, and says who has it.",
        discussion: """
            Without --at-once the next key signs as soon as every relying party that honours max-age has it: at once
            when its standby was published more than eleven minutes ago.
            """
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Flag(help: "Sign with the next key now, whoever may not have it yet.")
    var atOnce = false

    @Option(help: "Why, for the audit log's reader.")
    var reason: String?

    @Option(help: "Longest wait in seconds until every live node has it; 0 does not wait.")
    var wait: Int = 10

    func run() async throws {
        let request = KeyRequest(id: KeyRequest.ID(.v7(at: Date())), wish: atOnce ? .rotateAtOnce : .rotate)
        try await AskedRequest(request: request, slug: workspace, reason: reason, wait: wait).run()
    }
}

struct CompromiseKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Has a signing key refused everywhere and another sign at once; waits, and says who has it.",
        discussion: """
            Access tokens of the key are refused as soon as a node hears of it. Sessions go on, and their tokens are
            issued anew at the next refresh; --revoke-sessions ends those that may hold a token of the key. It cannot be
            undone. `sso-admin key-impact` says beforehand what hangs on a key.
            """
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Option(help: "The key's name, as `key-rotator status` shows it.")
    var kid: String

    @Flag(help: "End the sessions that may hold a token of the key.")
    var revokeSessions = false

    @Option(help: "Why, for the audit log's reader.")
    var reason: String?

    @Option(help: "Longest wait in seconds until every live node has it; 0 does not wait.")
    var wait: Int = 10

    func run() async throws {
        let request = KeyRequest(
            id: KeyRequest.ID(.v7(at: Date())),
            wish: .compromise(kid: kid),
            sessions: revokeSessions ? .revoke : .keep
        )
        try await AskedRequest(request: request, slug: workspace, reason: reason, wait: wait).run()
    }
}

/// A request that is made, and followed until every live node has what came of it.
struct AskedRequest: Sendable {
    let request: KeyRequest
    let slug: String
    let reason: String?
    /// Seconds.
    let wait: Int

    func run() async throws {
        try await Administration.reach { administration, pool, _ in
            let workspace = try await Administration.workspace(slug, administration)
            let requests = KeyRequestStore(pool: pool)
            do throws(PostgresError) {
                try await requests.ask(
                    request,
                    reason: reason,
                    in: workspace.id,
                    actor: Administration.actor
                )
            } catch {
                guard case .server(let refusal) = error, refusal.sqlState == .foreignKeyViolation else {
                    throw error
                }
                throw CommandFailure(text: "not_found: the workspace has no such key")
            }
            try await ChangeNotifier.send(over: pool)
            let seen = try await follow(requests, workspace.id)
            tell(seen)
            if wait > 0, seen.progress?.outcome == nil {
                throw CommandFailure(
                    text: "unanswered: no key-rotator has seen to it yet; it will when one runs"
                )
            }
        }
    }

    private struct Seen {
        var progress: KeyRequestStore.Progress?
        var nodes: KeyRequestStore.Acknowledgement?
    }

    private func follow(_ requests: KeyRequestStore, _ workspaceID: Workspace.ID) async throws -> Seen {
        let end = ContinuousClock.now + .seconds(wait)
        var seen = Seen()
        while ContinuousClock.now < end {
            seen.progress = try await requests.progress(of: request.id, in: workspaceID)
            if let epoch = seen.progress?.epoch {
                seen.nodes = try await requests.acknowledgement(of: epoch, in: workspaceID)
                if seen.nodes?.missing == 0, seen.progress?.isRevoking == false { return seen }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return seen
    }

    private func tell(_ seen: Seen) {
        Administration.print { json in
            json.beginObject()
            json.text("id", request.id.text)
            json.text("outcome", seen.progress?.outcome?.rawValue ?? "waiting")
            if let epoch = seen.progress?.epoch { json.number("epoch", epoch) }
            if request.sessions == .revoke {
                json.number("sessions_revoked", seen.progress?.sessionsRevoked ?? 0)
            }
            if let nodes = seen.nodes {
                json.number("nodes", nodes.nodes)
                json.number("nodes_missing", nodes.missing)
                if nodes.missing == 0, let lastAt = nodes.lastAt, let decidedAt = seen.progress?.decidedAt {
                    json.number("acknowledged_ms", Int(max(0, lastAt.timeIntervalSince(decidedAt) * 1000)))
                }
            }
            json.endObject()
        }
    }
}
