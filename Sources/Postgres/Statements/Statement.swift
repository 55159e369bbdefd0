/// A statement of the program and the row it answers with: a Swift constant beside the type it decodes.
///
/// The types before the last are its parameters in the order of `$1`, `$2`…; the last is a row. It is prepared
/// on each connection when first sent there. Making one takes a lock, so make it once.
package struct Statement<each Input: PostgresEncodable & Sendable, Output: Sendable>: Sendable {
    let text: StatementText
    let decoding: RowDecoding<Output>

    /// A statement whose rows `decode` reads, column by column in their order.
    package init(
        _ sql: String,
        decode: @escaping @Sendable (inout RowReader) throws(RowDecodingError) -> Output
    ) {
        text = Self.text(sql)
        decoding = .row(decode)
    }

    /// A statement whose rows, if any, nobody reads.
    package init(_ sql: String) where Output == Void {
        text = Self.text(sql)
        decoding = .none
    }

    /// A statement of which one wants to know how many rows it touched; its answer is exactly one count.
    package init(_ sql: String) where Output == AffectedRows {
        text = Self.text(sql)
        decoding = .affected { AffectedRows(count: $0) }
    }

    /// The text as the server prepares it.
    package var sql: String { text.sql }

    /// The statement with its parameters, encoded now; it may be sent any number of times.
    package func bind(_ input: repeat each Input) -> BoundStatement<Output> {
        var writer = ParameterWriter(capacity: 64)
        repeat (each input).encodeParameter(into: &writer)
        return BoundStatement(call: StatementCall(text: text, parameters: writer.bytes), decoding: decoding)
    }

    private static func text(_ sql: String) -> StatementText {
        var types: [UInt32] = []
        repeat types.append((each Input).postgresType.oid)
        return .of(sql, types: types)
    }
}

/// A statement and its parameters, ready to be sent.
package struct BoundStatement<Output: Sendable>: Sendable {
    let call: StatementCall
    let decoding: RowDecoding<Output>

    /// The call for a caller who reads the rows and nothing else.
    var readCall: StatementCall {
        var call = call
        if case .none = decoding { call.isRead = false }
        return call
    }
}

/// How many rows a statement inserted, updated, deleted or returned.
package struct AffectedRows: Sendable, Hashable {
    /// The number of rows.
    package let count: Int
}

/// What becomes of a statement's rows.
enum RowDecoding<Output>: Sendable {
    case row(@Sendable (inout RowReader) throws(RowDecodingError) -> Output)
    case affected(@Sendable (Int) -> Output)
    case none
}
