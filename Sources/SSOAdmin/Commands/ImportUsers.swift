import ArgumentParser
import Domain
import FoundationEssentials
import Glibc
import Storage
import Tokens

struct ImportUsers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes users over from a file of JSON lines, or from standard input.",
        discussion: """
            Each line is an object: {"email", "name", "emailVerified", "image", "createdAt", "passwordHash"}; only email \
            must be there. passwordHash takes better-auth's scrypt hashes. Who is there already is left as is, so an \
            import that was interrupted is run again. Lines that are wrong are named and left out; the exit code is then 1.
            """
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Argument(help: "The file; - is standard input.")
    var file: String = "-"

    /// Users that are added in one transaction.
    private static let batch = 1000

    func run() async throws {
        try await Administration.reach { administration, pool, _ in
            let workspace = try await Administration.workspace(workspace, administration)
            var lines = try LineReader(file)
            var tally = Tally()
            let store = UserImportStore(pool: pool)
            var waiting: [ImportedUser] = []
            while let line = try lines.next() {
                guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }) else { continue }
                tally.lines += 1
                do {
                    waiting.append(try ImportedUser(line: line, now: Date()))
                } catch let refusal as ImportedUser.Refusal {
                    tally.refuse(line: lines.number, refusal.description)
                }
                if waiting.count == Self.batch { try await add(&waiting, &tally, store, workspace.id) }
            }
            try await add(&waiting, &tally, store, workspace.id)
            Administration.print { json in
                json.beginObject()
                json.number("lines", tally.lines)
                json.number("added", tally.added)
                json.number("there_already", tally.lines - tally.added - tally.refused)
                json.number("refused", tally.refused)
                json.endObject()
            }
            if tally.refused > 0 {
                throw CommandFailure(text: "incomplete: \(tally.refused) lines are not users")
            }
        }
    }

    private func add(
        _ waiting: inout [ImportedUser],
        _ tally: inout Tally,
        _ store: UserImportStore,
        _ workspaceID: Workspace.ID
    ) async throws {
        guard !waiting.isEmpty else { return }
        var json = JSONWriter(reserving: 400 * waiting.count)
        json.beginArray()
        for user in waiting { user.write(to: &json) }
        json.endArray()
        tally.added += try await store.add(
            String(decoding: json.bytes, as: UTF8.self),
            to: workspaceID,
            by: Administrator(name: Administration.actor)
        )
        waiting.removeAll(keepingCapacity: true)
        tally.tell()
    }

    /// How far the import is, told once a second.
    private struct Tally {
        var lines = 0
        var added = 0
        var refused = 0
        private var toldAt = ContinuousClock.now

        mutating func refuse(line: Int, _ why: String) {
            refused += 1
            if refused <= 100 { Self.say("line \(line): \(why)") }
        }

        mutating func tell() {
            guard .now - toldAt > .seconds(1) else { return }
            toldAt = .now
            Self.say("\(lines) lines, \(added) added, \(refused) refused")
        }

        private static func say(_ text: String) {
            let bytes = Array("\(text)\n".utf8)
            // Progress that nobody can read is none.
            _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
    }
}

/// A file's lines, one at a time; a line is at most 64 KiB.
struct LineReader: ~Copyable {
    private let descriptor: CInt
    private var buffer: [UInt8] = []
    private var position = 0
    private var isOver = false
    /// The number of the line that was read last, from 1.
    private(set) var number = 0

    init(_ path: String) throws {
        guard path != "-" else {
            descriptor = STDIN_FILENO
            return
        }
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure(text: "not_found: \(path) cannot be opened") }
    }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// The next line without its end; nil after the last.
    mutating func next() throws -> [UInt8]? {
        while true {
            if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                number += 1
                return Array(buffer[position..<end])
            }
            guard buffer.count - position <= 65_536 else {
                throw CommandFailure(text: "invalid: line \(number + 1) is longer than 64 KiB")
            }
            if isOver {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                number += 1
                return Array(buffer[position...])
            }
            try fill()
        }
    }

    private mutating func fill() throws {
        buffer.removeSubrange(..<position)
        position = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw CommandFailure(text: "failed: the file cannot be read") }
        isOver = count == 0
        buffer.append(contentsOf: chunk[..<count])
    }
}
