import Crypto
import FoundationEssentials

/// Signs a cookie's value the way better-auth does, so that its cookies and ours are told genuine alike.
///
/// The value is `encodeURIComponent(token + "." + base64(HMAC-SHA256(secret, token)))`.
package struct CookieSignature: Sendable {
    private let key: SymmetricKey

    /// Keeps the workspace's cookie secret.
    package init(secret: [UInt8]) {
        key = SymmetricKey(data: secret)
    }

    /// The cookie's value for a token, percent-encoded.
    package func sign(_ token: String) -> String {
        percentEncoded(token + "." + signature(of: Array(token.utf8)))
    }

    /// The token in a cookie's value, nil unless its signature is ours.
    ///
    /// A value that was not percent-encoded, or no longer is, is accepted too. The dot is the last one; the
    /// signature is 44 characters and ends in `=`.
    package func token(in value: String) -> String? {
        let plain = percentDecoded(value) ?? value
        let utf8 = Array(plain.utf8)
        guard let dot = utf8.lastIndex(of: UInt8(ascii: ".")), dot >= 1 else { return nil }
        let given = Array(utf8[(dot + 1)...])
        guard given.count == 44, given.last == UInt8(ascii: "=") else { return nil }
        let token = Array(utf8[..<dot])
        guard constantTimeEquals(given, Array(signature(of: token).utf8)) else { return nil }
        return String(decoding: token, as: UTF8.self)
    }

    private func signature(of token: [UInt8]) -> String {
        Base64.encode(Array(HMAC<SHA256>.authenticationCode(for: token, using: key)))
    }
}
