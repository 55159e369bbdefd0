/// Why bytes were not taken as JSON, and where.
package struct JSONRefusal: Error, Equatable, Sendable {
    /// What was wrong.
    package enum Reason: String, Sendable {
        /// A byte that RFC 8259 does not allow there, a byte order mark included.
        case unexpectedByte = "unexpected byte"
        /// The bytes end inside a value.
        case unexpectedEnd = "unexpected end"
        /// Bytes after the value.
        case trailingBytes = "bytes after the value"
        /// A string that is not UTF-8, or an escape naming half a surrogate pair.
        case invalidText = "text that is not Unicode"
        /// A name given twice, or two names that differ only in how a character is spelled.
        case duplicateName = "a name given twice"
        /// An integer outside ±2^53, or a number too large for binary64.
        case numberOutOfRange = "a number out of range"
        /// More nested arrays and objects than allowed.
        case tooDeep = "nested too deeply"
        /// More members in one object than allowed.
        case tooManyMembers = "too many members"
    }

    /// What was wrong.
    package let reason: Reason
    /// The byte where it was noticed, from 0.
    package let offset: Int
}
