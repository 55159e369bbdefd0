/// A JSON value as it was written, without interpretation.
///
/// It has no `==` on purpose: Swift compares strings by canonical equivalence, and JSON names are bytes.
package enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number written without fraction or exponent, within ±2^53.
    case integer(Int64)
    /// Any other number; always finite.
    case number(Double)
    /// Text, unescaped.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Names with values.
    case object(JSONObject)

    /// The text of a string, nil for anything else.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The value of an integer, nil for anything else, `1.0` and `1e3` included.
    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The value of a boolean, nil for anything else.
    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements of an array, nil for anything else.
    package var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The members of an object, nil for anything else.
    package var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Whether it is `null`.
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

/// A JSON object: members in the order they were written, no name twice.
package struct JSONObject: Sendable {
    /// The members in order.
    ///
    /// Names are unique, also under canonical equivalence.
    package let members: [(name: String, value: JSONValue)]

    /// The value of the member whose name has exactly these bytes.
    ///
    /// Linear in the number of members.
    package subscript(_ name: String) -> JSONValue? {
        for member in members where equalBytes(member.name, name) {
            return member.value
        }
        return nil
    }
}
