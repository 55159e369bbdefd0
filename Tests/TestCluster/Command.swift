import Foundation

/// Programs that tests run beside themselves.
package enum Command {
    /// A program that ended with another status than 0, and all it wrote.
    package struct Failure: Error, CustomStringConvertible {
        package let command: String
        package let status: Int32
        package let output: String

        package init(command: String, status: Int32, output: String) {
            self.command = command
            self.status = status
            self.output = output
        }

        package var description: String { "\(command): status \(status)\n\(output)" }
    }

    /// Runs a program to its end and returns what it wrote to either stream, without blocking a task's thread.
    ///
    /// `environment` is added to this process's own. Throws `Failure` when the status is not 0.
    @discardableResult
    package static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // At worst a file stays in /tmp.
        // A file and not a pipe: a server left running may keep the stream open after its starter has ended.
        let process = try spawn(path, arguments, environment, output: file.path)
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var status: Int32 = 0
                while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        guard status == 0 else { throw Failure(command: path, status: status, output: text) }
        return text
    }

    /// Starts a program and leaves it to itself.
    package static func launch(_ path: String, _ arguments: [String]) throws {
        _ = try spawn(path, arguments, [:], output: "/dev/null")
    }

    /// Foundation's `Process` takes a program for running while its children hold an inherited descriptor,
    /// as a server left behind does; here nothing but the three streams is inherited.
    private static func spawn(
        _ path: String,
        _ arguments: [String],
        _ environment: [String: String],
        output: String
    ) throws -> pid_t {
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        for descriptor in Int32(3)..<512 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }

        let words = unsafe ([path] + arguments).map { unsafe strdup($0) }
        let settings = unsafe merged.map { unsafe strdup("\($0)=\($1)") }
        defer {
            for index in unsafe words.indices { unsafe free(words[index]) }
            for index in unsafe settings.indices { unsafe free(settings[index]) }
        }
        var process: pid_t = 0
        let status = unsafe posix_spawn(&process, path, &actions, nil, words + [nil], settings + [nil])
        guard status == 0 else {
            throw Failure(command: path, status: status, output: "cannot be started")
        }
        return process
    }
}
