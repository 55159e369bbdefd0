import Glibc
import Synchronization

/// Where log lines go: one `write` a line to one descriptor, which never waits for a slow reader.
///
/// A line that a pipe or a socket cannot take at once is dropped and counted; the next line that goes
/// through is preceded by one that says how many were lost. Regular files are written without a lock,
/// because a line is one `write` and the descriptor is expected to be in append mode.
package final class LogSink: Sendable {
    /// Standard error.
    package static let standardError = LogSink(descriptor: 2)

    /// The longest line that goes out, newline included: what a pipe takes whole.
    static let longestLine = 4096

    private enum Kind { case file, pipe, socket }

    private let descriptor: Int32
    private let kind: Kind
    private let turn = Mutex<Void>(())
    private let unreported = Atomic<Int>(0)
    private let lost = Atomic<Int>(0)

    /// Writes to a descriptor that stays open as long as the sink lives.
    package init(descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            kind = .pipe
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFSOCK: kind = .socket
        default: kind = .pipe
        }
    }

    /// How many lines were dropped since the start.
    package var dropped: Int { lost.load(ordering: .relaxed) }

    /// Writes one line, which ends in a newline; drops it when the reader is not keeping up.
    func write(_ line: [UInt8]) {
        switch kind {
        case .file:
            note(put(line))
        case .pipe, .socket:
            turn.withLock { _ in
                let missed = unreported.load(ordering: .relaxed)
                if missed > 0 {
                    guard isReady, put(Array("chassis: \(missed) log lines were dropped\n".utf8)) else {
                        note(false)
                        return
                    }
                    unreported.subtract(missed, ordering: .relaxed)
                }
                note(isReady && put(line))
            }
        }
    }

    private func note(_ written: Bool) {
        if !written {
            lost.add(1, ordering: .relaxed)
            unreported.add(1, ordering: .relaxed)
        }
    }

    /// Whether a whole line goes out without waiting; a pipe is writable when it has room for `PIPE_BUF`.
    private var isReady: Bool {
        guard kind == .pipe else { return true }
        var interest = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&interest, 1, 0) == 1 && interest.revents & Int16(POLLOUT) != 0
    }

    private func put(_ line: [UInt8]) -> Bool {
        // The buffer is borrowed for the call alone, and the kernel only reads it.
        unsafe line.withUnsafeBytes { bytes in
            while true {
                let count =
                    kind == .socket
                    ? unsafe send(
                        descriptor,
                        bytes.baseAddress,
                        bytes.count,
                        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                    )
                    : unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                if count == bytes.count { return true }
                if count < 0, errno == EINTR { continue }
                return false
            }
        }
    }
}
