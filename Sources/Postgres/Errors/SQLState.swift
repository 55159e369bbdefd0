/// A five-character SQLSTATE code; the first two are its class.
package struct SQLState: Hashable, Sendable, CustomStringConvertible {
    /// The five characters.
    package let code: String

    /// A code as the server sends it.
    package init(_ code: String) {
        self.code = code
    }

    package var description: String { code }
}

/// The codes somebody decides by.
extension SQLState {
    /// The connection failed.
    package static let connectionFailure = SQLState("08006")
    /// Not supported; also a prepared plan whose result changed.
    package static let featureNotSupported = SQLState("0A000")
    /// A text that is no value of its type.
    package static let invalidTextRepresentation = SQLState("22P02")
    /// NULL where the column takes none.
    package static let notNullViolation = SQLState("23502")
    /// A row names one that is not there, or is named by one.
    package static let foreignKeyViolation = SQLState("23503")
    /// A row of that key exists.
    package static let uniqueViolation = SQLState("23505")
    /// A CHECK failed, or no partition takes the row.
    package static let checkViolation = SQLState("23514")
    /// An earlier statement of the transaction failed.
    package static let inFailedTransaction = SQLState("25P02")
    /// A write on a server or in a transaction that only reads.
    package static let readOnlyTransaction = SQLState("25006")
    /// No prepared statement has that name.
    package static let invalidStatementName = SQLState("26000")
    /// Lost against a concurrent transaction.
    package static let serializationFailure = SQLState("40001")
    /// Two transactions waited for each other.
    package static let deadlockDetected = SQLState("40P01")
    /// The role may not do that.
    package static let insufficientPrivilege = SQLState("42501")
    /// No table has that name.
    package static let undefinedTable = SQLState("42P01")
    /// The text is not SQL.
    package static let syntaxError = SQLState("42601")
    /// The disk is full.
    package static let diskFull = SQLState("53100")
    /// The server has no memory left.
    package static let outOfMemory = SQLState("53200")
    /// The server takes no more connections.
    package static let tooManyConnections = SQLState("53300")
    /// A lock was not had in time.
    package static let lockNotAvailable = SQLState("55P03")
    /// Cancelled, or longer than its timeout.
    package static let queryCanceled = SQLState("57014")
    /// The server is being stopped, or ended the session.
    package static let adminShutdown = SQLState("57P01")
    /// Another session crashed the server.
    package static let crashShutdown = SQLState("57P02")
    /// The server is starting or stopping.
    package static let cannotConnectNow = SQLState("57P03")
}

extension SQLState {
    /// Whether another attempt at the whole transaction may succeed: it lost against a concurrent one.
    package var isTransactionConflict: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// Whether the server cannot serve at the moment, whoever asks: its resources, its state, a lock's holder.
    package var isUnavailability: Bool {
        self == .lockNotAvailable || self == .queryCanceled || self == .readOnlyTransaction
            || code.hasPrefix("08") || code.hasPrefix("53") || code.hasPrefix("57P") || code.hasPrefix("58")
    }
}
