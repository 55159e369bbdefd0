extension Int16: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int2 }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(self)
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let value = bytes.wholeNumber(type) else { return nil }
        self.init(exactly: value)
    }
}

extension Int32: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int4 }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(self)
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let value = bytes.wholeNumber(type) else { return nil }
        self.init(exactly: value)
    }
}

extension Int64: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int8 }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(self)
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let value = bytes.wholeNumber(type) else { return nil }
        self = value
    }
}

extension Int: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int8 }

    package func encode(into parameters: inout ParameterWriter) {
        parameters.append(Int64(self))
    }

    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let value = bytes.wholeNumber(type) else { return nil }
        self.init(exactly: value)
    }
}

extension RawSpan {
    /// A column of any of the server's integer types; transaction and object ids count as such.
    fileprivate func wholeNumber(_ type: PostgresType) -> Int64? {
        switch type {
        case .int8: integer(Int64.self)
        case .int4: integer(Int32.self).map(Int64.init)
        case .int2: integer(Int16.self).map(Int64.init)
        case .xid8: integer(UInt64.self).flatMap(Int64.init(exactly:))
        case .objectIdentifier, .xid: integer(UInt32.self).map(Int64.init)
        default: nil
        }
    }
}
