/// A value that can be a statement's parameter, sent in PostgreSQL's binary form.
package protocol PostgresEncodable {
    /// The type the statement is prepared with, so that the server need not guess.
    static var postgresType: PostgresType { get }

    /// Appends the binary form, without a length.
    func encode(into parameters: inout ParameterWriter)

    /// Appends one whole parameter; only `Optional`, which may be NULL, does it in another way.
    func encodeParameter(into parameters: inout ParameterWriter)
}

extension PostgresEncodable {
    package func encodeParameter(into parameters: inout ParameterWriter) {
        parameters.measured { encode(into: &$0) }
    }
}

/// The parameters of one statement in one buffer: for each a length of four bytes, then its bytes.
package struct ParameterWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    /// Appends an integer, most significant byte first.
    package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    package mutating func append(bytes more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
    }

    /// Appends what `body` writes behind its length.
    package mutating func measured(_ body: (inout ParameterWriter) -> Void) {
        let start = bytes.count
        append(Int32(0))
        body(&self)
        let length = UInt32(bytes.count - start - 4)
        bytes[start] = UInt8(truncatingIfNeeded: length >> 24)
        bytes[start + 1] = UInt8(truncatingIfNeeded: length >> 16)
        bytes[start + 2] = UInt8(truncatingIfNeeded: length >> 8)
        bytes[start + 3] = UInt8(truncatingIfNeeded: length)
    }

    /// Appends NULL, which is the length -1 and no bytes.
    package mutating func appendNull() {
        append(Int32(-1))
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }

    package func encode(into parameters: inout ParameterWriter) {
        self?.encode(into: &parameters)
    }

    package func encodeParameter(into parameters: inout ParameterWriter) {
        if let value = self { value.encodeParameter(into: &parameters) } else { parameters.appendNull() }
    }
}
