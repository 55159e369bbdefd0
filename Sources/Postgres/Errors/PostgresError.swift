/// Why a statement or transaction has no result.
package enum PostgresError: Error, Sendable {
    /// The server refused it; nothing of its unit was done.
    case server(ServerError)
    /// No connection could be had; nothing was sent. The reason is for the log.
    case unavailable(String)
    /// The connection broke while it was at work. When the outcome is unknown it may have been done.
    case connectionLost(outcomeUnknown: Bool)
    /// Every connection was busy for as long as one may wait, or too many wait already; nothing was sent.
    case poolExhausted
    /// It was not answered in time. It may have been done when it had been sent.
    case deadlineExceeded
    /// The task was cancelled. It may have been done when it had been sent.
    case cancelled
    /// The answer is not what the statement's row expects; the statement was done.
    case decoding(RowDecodingError)
    /// COMMIT was answered with ROLLBACK: a statement of the transaction had failed, nothing was done.
    case rolledBack
}

extension PostgresError {
    /// Whether the fault is the database's absence or load and not the request's: answer 503.
    package var isUnavailability: Bool {
        switch self {
        case .unavailable, .connectionLost, .poolExhausted, .deadlineExceeded: true
        case .server(let error): error.sqlState.isUnavailability || error.sqlState.isTransactionConflict
        case .cancelled, .decoding, .rolledBack: false
        }
    }

    /// The server's code, when it is the server that refused.
    package var sqlState: SQLState? {
        guard case .server(let error) = self else { return nil }
        return error.sqlState
    }
}

/// A column that is not what the row expects.
package struct RowDecodingError: Error, Sendable, CustomStringConvertible {
    /// What is wrong with it.
    package enum Reason: Sendable {
        /// The statement returns fewer columns than the row reads.
        case missing
        /// NULL where the row has no optional.
        case null
        /// Of another type, or not a value of it.
        case mismatch(PostgresType)
    }

    /// The place in the row, from 0.
    package let column: Int
    /// The column's name; empty when there is no such column.
    package let name: String
    /// The Swift type that was to be read.
    package let expected: String
    /// What is wrong with it.
    package let reason: Reason

    package var description: String {
        "column \(column) \"\(name)\" is no \(expected): \(reason)"
    }
}
