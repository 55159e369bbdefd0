/// Base64 of RFC 4648 section 4, padded, in the one spelling that every value has.
package enum Base64 {
    /// The text of these bytes.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes this text spells; nil when the padding is not exact, or for white space, another alphabet's
    /// characters, or bits set beyond the last byte.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let text = Array(text)
        guard text.count.isMultiple(of: 4) else { return nil }
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        return Base64Alphabet.standard.decode(text.dropLast(padding))
    }

    /// The bytes this text spells, by the rules of the other `decode`.
    package static func decode(_ text: String) -> [UInt8]? {
        decode(text.utf8)
    }

    static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        Base64Alphabet.standard.append(bytes, to: &text)
        let padding = (3 - bytes.count % 3) % 3
        text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: padding))
    }
}
