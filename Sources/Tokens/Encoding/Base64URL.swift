/// Base64url without padding (RFC 7515 section 2), in the one spelling that every value has.
package enum Base64URL {
    /// The text of these bytes.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes this text spells; nil when it has padding, white space, another alphabet's characters, an
    /// impossible length, or bits set beyond the last byte.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        Base64Alphabet.url.decode(Array(text)[...])
    }

    /// The bytes this text spells, by the rules of the other `decode`.
    package static func decode(_ text: String) -> [UInt8]? {
        decode(text.utf8)
    }

    /// Appends the text of `bytes`, growing `text` at most once.
    static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        Base64Alphabet.url.append(bytes, to: &text)
    }
}
