import Domain
import FoundationEssentials
import Postgres

/// What names a request that may be repeated.
package struct IdempotentRequest: Hashable, Sendable {
    /// SHA-256 of what the caller calls the request, together with who calls; 32 bytes.
    package let keyHash: [UInt8]
    /// SHA-256 of the request itself, 32 bytes.
    package let requestHash: [UInt8]

    package init(keyHash: [UInt8], requestHash: [UInt8]) {
        self.keyHash = keyHash
        self.requestHash = requestHash
    }
}

/// A request that may be repeated, and how its answer is sealed to be kept.
package struct Idempotency: Sendable {
    /// What names it.
    package let request: IdempotentRequest
    /// Makes of a thing's JSON and the change's epoch what is kept.
    package let seal: @Sendable (_ json: String, _ epoch: Int) throws -> [UInt8]

    package init(
        request: IdempotentRequest,
        seal: @escaping @Sendable (_ json: String, _ epoch: Int) throws -> [UInt8]
    ) {
        self.request = request
        self.seal = seal
    }
}

/// Thrown instead of doing a thing twice: the request was answered before.
package struct IdempotentReplay: Error {
    /// Whether it was the same request, and not another of the same name.
    package let isOfSameRequest: Bool
    /// What was kept.
    package let sealedAnswer: [UInt8]
}

extension AdministeringTransaction {
    /// Waits for whoever does the same request at this moment, and throws its answer when it was done before.
    func claim(_ idempotency: Idempotency) async throws {
        let request = idempotency.request
        // Two statements: the second must see what was committed while the first waited.
        _ = try await transaction.query(IdempotencyStatements.lock.bind(request.keyHash))
        let known = try await transaction.query(
            IdempotencyStatements.answer.bind(workspaceID.raw, request.keyHash)
        )
        guard let known = known.first else { return }
        throw IdempotentReplay(
            isOfSameRequest: known.requestHash == request.requestHash,
            sealedAnswer: known.sealed
        )
    }

    /// Keeps what is answered.
    func keep(_ json: String, epoch: Int, _ idempotency: Idempotency) async throws {
        let request = idempotency.request
        _ = try await transaction.query(
            IdempotencyStatements.keep.bind(
                workspaceID.raw,
                request.keyHash,
                request.requestHash,
                try idempotency.seal(json, epoch)
            )
        )
    }
}

enum IdempotencyStatements {
    static let lock = Statement<[UInt8], Bool>(
        """
        SELECT pg_advisory_xact_lock(('x' || encode(substr($1, 1, 8), 'hex'))::bit(64)::bigint) IS NULL
        """
    ) { row throws(RowDecodingError) in try row.next(Bool.self) }

    static let answer = Statement<UUID, [UInt8], (requestHash: [UInt8], sealed: [UInt8])>(
        """
        SELECT request_hash, sealed_answer
        FROM idempotent_answers
        WHERE workspace_id = $1
            AND key_hash = $2
        """
    ) { row throws(RowDecodingError) in
        (requestHash: try row.next([UInt8].self), sealed: try row.next([UInt8].self))
    }

    static let keep = Statement<UUID, [UInt8], [UInt8], [UInt8], Void>(
        """
        INSERT INTO idempotent_answers (workspace_id, key_hash, request_hash, sealed_answer)
        VALUES ($1, $2, $3, $4)
        """
    )
}
