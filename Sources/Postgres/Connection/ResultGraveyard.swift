internal import CLibPQ
import Synchronization

/// Results that have been read, to be freed on the loop's thread.
///
/// That thread allocated them. Freed elsewhere they would make it wait for its own allocator: a seventh of all
/// its time when it was measured.
///
/// `@unchecked`: a buried result has no other owner any more.
@safe
final class ResultGraveyard: @unchecked Sendable {
    static let shared = ResultGraveyard()

    /// Larger ones are freed at once, because the loop may be long asleep.
    private static let size = 16_384

    @safe
    private struct Results: @unchecked Sendable {
        var pointers: [OpaquePointer] = unsafe []
    }

    private let buried = Mutex(Results())
    private var spare = Results()

    /// Takes over results, from any thread.
    func bury(_ results: [OpaquePointer?]) {
        guard unsafe !results.isEmpty else { return }
        buried.withLock { buried in
            for index in unsafe results.indices {
                guard let result = unsafe results[index] else { continue }
                if unsafe PQresultMemorySize(result) > Self.size {
                    unsafe PQclear(result)
                } else {
                    unsafe buried.pointers.append(result)
                }
            }
        }
    }

    /// Frees them all; for the loop's thread alone, as is `spare`.
    @PostgresEventLoop
    func clear() {
        buried.withLock { swap(&$0, &spare) }
        for index in unsafe spare.pointers.indices { unsafe PQclear(spare.pointers[index]) }
        unsafe spare.pointers.removeAll(keepingCapacity: true)
    }
}
