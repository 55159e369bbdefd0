package import FoundationEssentials

/// A value of which arrays can be sent and read.
package protocol PostgresElement {
    /// The type of an array of these.
    static var postgresArrayType: PostgresType { get }

    /// Appends the binary form of an array.
    static func encode(array: [Self], into parameters: inout ParameterWriter)

    /// Reads the binary form of an array; nil when it is none of these, or holds a NULL.
    static func array(postgres bytes: RawSpan, type: PostgresType) -> [Self]?
}

extension Array: PostgresEncodable where Element: PostgresElement {
    package static var postgresType: PostgresType { Element.postgresArrayType }

    package func encode(into parameters: inout ParameterWriter) {
        Element.encode(array: self, into: &parameters)
    }
}

extension Array: PostgresDecodable where Element: PostgresElement {
    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let elements = Element.array(postgres: bytes, type: type) else { return nil }
        self = elements
    }
}

/// An array of bytes is `bytea`.
extension UInt8: PostgresElement {
    package static var postgresArrayType: PostgresType { .bytea }

    package static func encode(array: [UInt8], into parameters: inout ParameterWriter) {
        parameters.append(bytes: array)
    }

    package static func array(postgres bytes: RawSpan, type: PostgresType) -> [UInt8]? {
        guard type == .bytea else { return nil }
        return unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension UUID: PostgresElement {
    package static var postgresArrayType: PostgresType { .uuidArray }
}

extension String: PostgresElement {
    package static var postgresArrayType: PostgresType { .textArray }
}

extension Int64: PostgresElement {
    package static var postgresArrayType: PostgresType { .int8Array }
}

/// One dimension: how many dimensions, whether any NULL, the element's type, length and lower bound of the
/// dimension, then each element behind its length. An empty array has no dimension at all.
extension PostgresElement where Self: PostgresEncodable & PostgresDecodable {
    package static func encode(array: [Self], into parameters: inout ParameterWriter) {
        parameters.append(Int32(array.isEmpty ? 0 : 1))
        parameters.append(Int32(0))
        parameters.append(postgresType.oid)
        guard !array.isEmpty else { return }
        parameters.append(Int32(array.count))
        parameters.append(Int32(1))
        for element in array { element.encodeParameter(into: &parameters) }
    }

    package static func array(postgres bytes: RawSpan, type: PostgresType) -> [Self]? {
        guard let dimensions = bytes.integer(at: 0, Int32.self),
            let element = bytes.integer(at: 8, UInt32.self)
        else { return nil }
        if dimensions == 0 { return type == postgresArrayType ? [] : nil }
        guard dimensions == 1, let count = bytes.integer(at: 12, Int32.self), count >= 0 else { return nil }

        var elements: [Self] = []
        // Each takes four bytes at least: a count that cannot be true reserves nothing.
        guard Int(count) <= bytes.byteCount / 4 else { return nil }
        elements.reserveCapacity(Int(count))
        var offset = 20
        for _ in 0..<count {
            guard let length = bytes.integer(at: offset, Int32.self), length >= 0,
                offset + 4 + Int(length) <= bytes.byteCount,
                let value = Self(
                    postgres: bytes.extracting((offset + 4)..<(offset + 4 + Int(length))),
                    type: PostgresType(oid: element)
                )
            else { return nil }
            elements.append(value)
            offset += 4 + Int(length)
        }
        return elements
    }
}
