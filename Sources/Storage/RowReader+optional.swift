internal import Postgres

extension RowReader {
    /// Reads a nullable text column as one of a closed set; a value outside it is a decoding error.
    mutating func nextOptional<Value: RawRepresentable>(
        as type: Value.Type
    ) throws(RowDecodingError) -> Value? where Value.RawValue == String {
        guard let text = try next(String?.self) else { return nil }
        guard let value = Value(rawValue: text) else { throw RowDecodingError.unknownValue(type: "\(type)") }
        return value
    }

    /// Reads a text column as one of a closed set; a value outside it is a decoding error.
    mutating func next<Value: RawRepresentable>(
        as type: Value.Type
    ) throws(RowDecodingError) -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: try next(String.self)) else {
            throw RowDecodingError.unknownValue(type: "\(type)")
        }
        return value
    }
}
