internal import CLibPQ

/// What the server said when it refused a statement.
///
/// Messages and details may quote rows: they are for the log, never for whoever called us.
package struct ServerError: Error, Sendable {
    /// The class of error, by which callers decide.
    package let sqlState: SQLState
    /// The primary message, one line.
    package let message: String
    /// More about it, which may quote values.
    package let detail: String?
    /// What the server advises.
    package let hint: String?
    /// The constraint, table and schema the error is about, when it is about one.
    package let constraint: String?
    /// The table the error is about.
    package let table: String?
    /// The schema of that table.
    package let schema: String?
    /// Whether the server ends the session with this error.
    package let isFatal: Bool

    init(
        sqlState: SQLState,
        message: String,
        detail: String? = nil,
        hint: String? = nil,
        constraint: String? = nil,
        table: String? = nil,
        schema: String? = nil,
        isFatal: Bool = false
    ) {
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.table = table
        self.schema = schema
        self.isFatal = isFatal
    }
}

extension ServerError: CustomStringConvertible {
    /// The code and the message, without details.
    package var description: String { "\(sqlState): \(message)" }
}

extension ServerError {
    /// Copies the fields out of a result that is an error; the result stays its owner's.
    init(result: OpaquePointer) {
        func field(_ code: Character) -> String? {
            guard let ascii = code.asciiValue, let text = unsafe PQresultErrorField(result, Int32(ascii))
            else {
                return nil
            }
            return unsafe String(cString: text)
        }
        let severity = field("V")
        self.init(
            sqlState: field("C").map(SQLState.init) ?? .connectionFailure,
            message: unsafe field("M") ?? String(cString: PQresultErrorMessage(result)),
            detail: field("D"),
            hint: field("H"),
            constraint: field("n"),
            table: field("t"),
            schema: field("s"),
            isFatal: severity == "FATAL" || severity == "PANIC"
        )
    }
}
