import Chassis
import NIOPosix
import ServiceLifecycle
import Tokens

/// Computes password hashes on threads of its own: each takes a tenth of a second and 32 MiB, so they neither hold up
/// other requests nor run many at once.
struct PasswordChecks: Service {
    private let threads: NIOThreadPool

    init(threads count: Int = 1) {
        threads = NIOThreadPool(numberOfThreads: count)
        threads.start()
    }

    /// The hash of a new password.
    func hash(_ password: String) async throws -> PasswordHash? {
        try await threads.runIfActive { PasswordHash(hashing: password) }
    }

    /// Whether the password is the one of the stored hash.
    ///
    /// Takes as long when there is none.
    func matches(_ password: String, stored: String?) async throws -> Bool {
        let hash = stored.flatMap { PasswordHash(stored: $0) }
        return try await threads.runIfActive {
            hash.map { $0.matches(password) } ?? PasswordHash.matchesNobody(password)
        }
    }

    /// Waits for the shutdown, then for what is being computed.
    func run() async throws {
        // Throws when cancelled, which is the other way to be told.
        try? await gracefulShutdown()
        try await threads.shutdownGracefully()
    }
}
