import HTTPTypes
import Hummingbird
import Tokens

extension Request {
    /// The token in a header that holds one bare or behind a scheme word, in any case; none when it is not a token.
    func userToken(_ field: HTTPField.Name) -> UnverifiedToken? {
        guard let header = headers[field], let word = header.lastWord else { return nil }
        // What is not a token is answered like one that is not ours.
        return try? UnverifiedToken(word)
    }

    /// What the caller says it is, at most 512 characters.
    var userAgent: String? {
        headers[.userAgent].map { String($0.prefix(512)) }
    }
}

extension String {
    /// The two words of a text that is just that.
    var twoWords: (first: String, second: String)? {
        let words = utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
        guard words.count == 2, let first = String(words[0]), let second = String(words[1]) else {
            return nil
        }
        return (first, second)
    }

    /// The last word between blanks, if the text is one or two words.
    var lastWord: String? {
        let words = utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
        guard let last = words.last, words.count <= 2 else { return nil }
        return String(last)
    }
}

extension HTTPField.Name {
    /// `X-Authorization`: a user's access token beside a backend's own credential.
    static let xAuthorization = Self.known("X-Authorization")
    /// `X-Refresh-Token`.
    static let xRefreshToken = Self.known("X-Refresh-Token")
    /// `X-CSRF-Token`.
    static let xCSRFToken = Self.known("X-CSRF-Token")

    /// A field name that is spelled right in the source.
    static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is not a field name") }
        return name
    }
}
