import Synchronization

/// The operations of one key that nobody is using, so that each is set up once per thread that ever needed it.
///
/// The lock is held for a push or a pop, never during a signature.
final class LibCryptoOperations: Sendable {
    private let key: LibCryptoKey
    private let purpose: LibCryptoOperation.Purpose
    private let idle = Mutex<[LibCryptoOperation]>([])

    init(_ purpose: LibCryptoOperation.Purpose, with key: LibCryptoKey) {
        self.purpose = purpose
        self.key = key
    }

    /// The result of `use` with an operation nobody else has; nil when it is nil or none could be set up.
    ///
    /// An operation that failed is not used again.
    func withOperation<Result>(_ use: (LibCryptoOperation) -> Result?) -> Result? {
        guard let operation = idle.withLock({ $0.popLast() }) ?? LibCryptoOperation(purpose, with: key),
            let result = use(operation)
        else { return nil }
        idle.withLock { $0.append(operation) }
        return result
    }
}
