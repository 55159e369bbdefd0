import Domain
import FoundationEssentials
import Tokens

/// The cookie that carries a browser's session: a secret that begins with the session's id, signed.
struct BrowserCookie: Sendable {
    private let signature: CookieSignature
    private let isSecure: Bool
    private let path: String
    private let domain: String?

    init(secret: [UInt8], isSecure: Bool, path: String, domain: String?) {
        signature = CookieSignature(secret: secret)
        self.isSecure = isSecure
        self.path = path
        self.domain = domain
    }

    /// `better-auth.session_token`, with the prefix that browsers guard under https.
    var name: String {
        (isSecure ? "__Secure-" : "") + "better-auth.session_token"
    }

    /// A new secret for a session.
    ///
    /// What is stored of it is its hash.
    static func token(for id: Session.ID) -> String {
        Base64URL.encode(id.octets + SecureRandom.bytes(32))
    }

    /// The `Set-Cookie` that gives a browser its session; without `maxAge` it ends with the browser.
    func set(_ token: String, maxAge: Int?) -> String {
        attributes(value: signature.sign(token), maxAge: maxAge)
    }

    /// The `Set-Cookie` that takes it away.
    var clear: String {
        attributes(value: "", maxAge: 0)
    }

    /// The token and session id in the cookies that were sent.
    ///
    /// Values that this workspace did not sign are not ours (another workspace of the same host may have set them).
    /// If two of ours were sent, somebody put one there: neither counts.
    func read(_ headers: [String]) -> (token: String, id: Session.ID)? {
        let wanted = Array(name.utf8)
        var tokens: [String] = []
        for header in headers {
            for pair in header.utf8.split(separator: UInt8(ascii: ";")) {
                let trimmed = pair.drop { $0 == UInt8(ascii: " ") }
                guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")),
                    trimmed[..<equals].elementsEqual(wanted),
                    let value = String(trimmed[trimmed.index(after: equals)...]),
                    let token = signature.token(in: value)
                else { continue }
                tokens.append(token)
            }
        }
        guard tokens.count == 1, let bytes = Base64URL.decode(tokens[0]), bytes.count == 48 else {
            return nil
        }
        return (tokens[0], Session.ID(octets: bytes[..<16]))
    }

    private func attributes(value: String, maxAge: Int?) -> String {
        var text = "\(name)=\(value)"
        if let maxAge { text += "; Max-Age=\(maxAge)" }
        if let domain { text += "; Domain=\(domain)" }
        text += "; Path=\(path); HttpOnly"
        if isSecure { text += "; Secure" }
        return text + "; SameSite=Lax"
    }
}

extension Identifier<Session, UUID> {
    /// The 16 bytes of the id.
    fileprivate var octets: [UInt8] {
        let uuid = raw.uuid
        return [
            uuid.0, uuid.1, uuid.2, uuid.3, uuid.4, uuid.5, uuid.6, uuid.7,
            uuid.8, uuid.9, uuid.10, uuid.11, uuid.12, uuid.13, uuid.14, uuid.15,
        ]
    }

    /// The id of 16 bytes.
    fileprivate init(octets: ArraySlice<UInt8>) {
        let byte = Array(octets)
        self.init(
            UUID(
                uuid: (
                    byte[0], byte[1], byte[2], byte[3], byte[4], byte[5], byte[6], byte[7],
                    byte[8], byte[9], byte[10], byte[11], byte[12], byte[13], byte[14], byte[15]
                )
            )
        )
    }
}
