/// A value that can be read from a column in PostgreSQL's binary form.
package protocol PostgresDecodable {
    /// Reads the binary form of a column that is not NULL; nil when bytes or type are not such a value's.
    init?(postgres bytes: RawSpan, type: PostgresType)

    /// The value that NULL stands for; nil, the default, when NULL is refused.
    static var null: Self? { get }
}

extension PostgresDecodable {
    package static var null: Self? { nil }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let value = Wrapped(postgres: bytes, type: type) else { return nil }
        self = .some(value)
    }

    package static var null: Self? { .some(.none) }
}

extension RawSpan {
    /// The integer that all these bytes are, most significant first; nil when there are more or fewer.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Value? {
        guard byteCount == MemoryLayout<Value>.size else { return nil }
        return integer(at: 0, type)
    }

    /// The integer that begins at an offset; nil when the bytes end before it does.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, _ type: Value.Type) -> Value? {
        guard offset >= 0, offset <= byteCount - MemoryLayout<Value>.size else { return nil }
        // In bounds by the line above, and every bit pattern is an integer.
        return Value(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
