internal import CLibPQ

/// Reads the columns of one row in their order.
///
/// It points into a result that lives as long as the closure it is handed to; it cannot be copied out of there.
@safe
package struct RowReader: ~Copyable {
    private let result: OpaquePointer
    private let row: Int32
    private let columns: Int32
    private var column: Int32 = 0

    init(result: OpaquePointer, row: Int32) {
        unsafe self.result = unsafe result
        self.row = row
        columns = unsafe PQnfields(result)
    }

    /// The next column; `Optional` reads NULL as nil.
    package mutating func next<Value: PostgresDecodable>(
        _ type: Value.Type = Value.self
    ) throws(RowDecodingError) -> Value {
        let place = column
        column += 1
        guard place < columns else { throw failure(place, type, .missing) }
        if unsafe PQgetisnull(result, row, place) == 1 {
            guard let value = Value.null else { throw failure(place, type, .null) }
            return value
        }
        let oid = PostgresType(oid: unsafe PQftype(result, place))
        let bytes = unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, place),
            count: Int(PQgetlength(result, row, place))
        )
        guard let value = unsafe Value(postgres: bytes.bytes, type: oid) else {
            throw failure(place, type, .mismatch(oid))
        }
        return value
    }

    private func failure<Value>(
        _ place: Int32,
        _ type: Value.Type,
        _ reason: RowDecodingError.Reason
    ) -> RowDecodingError {
        let name = unsafe PQfname(result, place)
        return RowDecodingError(
            column: Int(place),
            name: unsafe name.map { unsafe String(cString: $0) } ?? "",
            expected: "\(type)",
            reason: reason
        )
    }
}
