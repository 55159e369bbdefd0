import Foundation
import Synchronization

/// A private PostgreSQL server of its own port and data directory, gone when the test process is gone.
///
/// Loopback is trusted, nothing waits for the disk, and the superuser is `breezeway`. Initialising one
/// takes about two seconds, so a suite starts its own only when it stops, restarts or kills the server.
package final class ThrowawayCluster: Sendable {
    /// How `stop` treats the sessions that are connected.
    package enum StopMode: String, Sendable {
        /// Open transactions are rolled back and sessions told to leave.
        case fast
        /// Everybody is dropped at once, and the next start recovers as after a crash.
        case immediate
    }

    /// The folder that holds the data directory, readable by the user the server runs as.
    package let directory: String
    /// The port on 127.0.0.1.
    package let port: Int
    private let serverOptions: String
    private let orphans = Mutex<[String]>([])

    private init(directory: String, port: Int, serverOptions: String) {
        self.directory = directory
        self.port = port
        self.serverOptions = serverOptions
    }

    /// The superuser's URL of the database `postgres`.
    package var url: String { url() }

    /// The URL of one database for one user.
    package func url(database: String = "postgres", user: String = "breezeway") -> String {
        "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }

    /// Initialises and starts a new cluster, with `serverOptions` such as `-c max_connections=20`.
    ///
    /// `prepare` is given the folder before the server first starts, for certificates it is to read.
    package static func start(
        serverOptions: String = "",
        prepare: (String) async throws -> Void = { _ in }
    ) async throws -> ThrowawayCluster {
        let directory = "/tmp/breezeway-cluster-\(UUID().uuidString.lowercased())"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755]
        )
        try removeAfterThisProcess(directory)
        try await prepare(directory)
        // Another process may take the port between finding it and binding it.
        for _ in 0..<4 {
            let cluster = ThrowawayCluster(
                directory: directory,
                port: try FreePort.find(),
                serverOptions: serverOptions
            )
            do {
                try await cluster.start()
                return cluster
            } catch let failure as Command.Failure where failure.output.contains("Address already in use") {
                continue
            }
        }
        throw Command.Failure(command: "start", status: 1, output: "no free port in four tries")
    }

    /// Starts the server again and returns when it accepts connections; does nothing while it runs.
    package func start() async throws {
        try await clearUpAfterKill()
        try await script(["start", directory, String(port), "throwaway"])
    }

    /// Stops the server and returns when it is gone; does nothing when it is not running.
    package func stop(_ mode: StopMode = .fast) async throws {
        try await script(["stop", directory, mode.rawValue])
    }

    /// Stops and starts the server, returning when it accepts connections.
    package func restart(_ mode: StopMode = .fast) async throws {
        try await stop(mode)
        try await start()
    }

    /// Kills the postmaster with SIGKILL; its backends notice and leave by themselves.
    package func killPostmaster() async throws {
        let process = try postmaster()
        let children = try await Command.run("/bin/sh", ["-c", "ps -o pid= --ppid \(process) || true"])
        kill(process, SIGKILL)
        orphans.withLock { $0 += children.split(whereSeparator: \.isWhitespace).map(String.init) }
    }

    /// A new postmaster may only start when the old one's backends are gone; then its lock file means nothing,
    /// although a process that nobody has waited for may still have its number.
    private func clearUpAfterKill() async throws {
        let left = orphans.withLock { orphans in
            defer { orphans = [] }
            return orphans
        }
        guard !left.isEmpty else { return }
        try await Command.run(
            "/bin/sh",
            [
                "-c",
                """
                for process in \(left.joined(separator: " ")); do
                    while grep -qs 'State:[[:space:]]*[^Z[:space:]]' /proc/$process/status; do
                        timeout 0.05 tail -f /dev/null
                    done
                done
                rm -f \(directory)/data/postmaster.pid
                """,
            ]
        )
    }

    /// Freezes the whole server as a hung machine would be, until `thaw`.
    package func freeze() async throws {
        try await signalAll("STOP")
    }

    /// Lets a frozen server go on.
    package func thaw() async throws {
        try await signalAll("CONT")
    }

    /// Stops the server and deletes its files; at the end of the process this happens by itself.
    package func remove() async throws {
        try await stop(.immediate)
        try FileManager.default.removeItem(atPath: directory)
    }

    private func postmaster() throws -> pid_t {
        let file = try String(contentsOfFile: "\(directory)/data/postmaster.pid", encoding: .utf8)
        guard let line = file.split(separator: "\n").first, let process = pid_t(line) else {
            throw Command.Failure(command: "postmaster.pid", status: 1, output: file)
        }
        return process
    }

    private func signalAll(_ signal: String) async throws {
        let process = try postmaster()
        try await Command.run(
            "/bin/sh",
            ["-c", "kill -\(signal) \(process) $(ps -o pid= --ppid \(process))"]
        )
    }

    private func script(_ arguments: [String]) async throws {
        try await Command.run(
            "/bin/bash",
            [Self.scriptPath] + arguments,
            environment: ["POSTGRES_OPTIONS": serverOptions]
        )
    }

    private static let scriptPath = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("deploy/local/postgres.sh").path

    /// Leaves a process behind that waits for the end of this one, however it ends, and clears up.
    private static func removeAfterThisProcess(_ directory: String) throws {
        let process = getpid()
        try Command.launch(
            "/usr/bin/setsid",
            [
                "/bin/sh", "-c",
                """
                tail --pid=\(process) -f /dev/null
                if [ -d \(directory) ]; then
                    /bin/bash \(scriptPath) stop \(directory) immediate
                    rm -rf \(directory)
                fi
                """,
            ]
        )
    }
}
