extension Bool: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .bool }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(UInt8(self ? 1 : 0))
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard type == .bool, let value = bytes.integer(UInt8.self) else { return nil }
        self = value != 0
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .float8 }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(bitPattern)
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        switch type {
        case .float8:
            guard let bits = bytes.integer(UInt64.self) else { return nil }
            self.init(bitPattern: bits)
        case .float4:
            guard let bits = bytes.integer(UInt32.self) else { return nil }
            self.init(Float(bitPattern: bits))
        default:
            return nil
        }
    }
}

/// `text`, and when reading also `json`, `jsonb`, `varchar` and types of the database's own such as enums.
///
/// A parameter for a column of another type needs a cast in the statement, as in `$1::jsonb`.
extension String: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .text }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(bytes: utf8)
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        var start = 0
        switch type {
        case .text, .varchar, .json, .name, .bpchar, .char, .unknown: break
        case .jsonb:
            // Its binary form is a version, of which there is one, and the text.
            guard bytes.integer(at: 0, UInt8.self) == 1 else { return nil }
            start = 1
        default:
            guard type.isUserDefined else { return nil }
        }
        let text = unsafe bytes.withUnsafeBytes { raw in
            unsafe String(validating: UnsafeRawBufferPointer(rebasing: raw[start...]), as: UTF8.self)
        }
        guard let text else { return nil }
        self = text
    }
}
