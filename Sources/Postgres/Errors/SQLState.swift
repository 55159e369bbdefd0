/// A five-character SQLSTATE code; the first two are its class.
package struct SQLState: Hashable, Sendable, CustomStringConvertible {
    package let code: String

    package init(_ code: String) {
        self.code = code
    }

    package var description: String { code }
}

/// The codes somebody decides by.
extension SQLState {
    package static let connectionFailure = SQLState("08006")
    package static let featureNotSupported = SQLState("0A000")
    package static let invalidTextRepresentation = SQLState("22P02")
    package static let notNullViolation = SQLState("23502")
    package static let foreignKeyViolation = SQLState("23503")
    package static let uniqueViolation = SQLState("23505")
    package static let checkViolation = SQLState("23514")
    package static let inFailedTransaction = SQLState("25P02")
    package static let readOnlyTransaction = SQLState("25006")
    package static let invalidStatementName = SQLState("26000")
    package static let serializationFailure = SQLState("40001")
    package static let deadlockDetected = SQLState("40P01")
    package static let insufficientPrivilege = SQLState("42501")
    package static let undefinedTable = SQLState("42P01")
    package static let syntaxError = SQLState("42601")
    package static let diskFull = SQLState("53100")
    package static let outOfMemory = SQLState("53200")
    package static let tooManyConnections = SQLState("53300")
    package static let lockNotAvailable = SQLState("55P03")
    package static let queryCanceled = SQLState("57014")
    package static let adminShutdown = SQLState("57P01")
    package static let crashShutdown = SQLState("57P02")
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
