import Crypto
package import FoundationEssentials

/// The token that proves a request came from a page that could read our answer, one per session.
///
/// The 32 bytes behind it are HMAC-SHA256(workspace secret, "csrf" ‖ session id) and are stored nowhere. What is
/// shown is a fresh one-time pad and their sum, so that compression gives nothing away (BREACH).
package struct CSRFToken: Sendable {
    private let secret: [UInt8]

    /// The token of a session; `workspaceSecret` is the workspace's cookie secret.
    package init(workspaceSecret: [UInt8], session: UUID) {
        var hmac = HMAC<SHA256>(key: SymmetricKey(data: workspaceSecret))
        var message = Array("csrf".utf8)
        let octets = session.octets
        for index in octets.indices { message.append(octets[index]) }
        hmac.update(data: message)
        secret = Array(hmac.finalize())
    }

    /// The token masked afresh: 88 characters of base64.
    package func masked() -> String {
        let pad = SecureRandom.bytes(32)
        return Base64.encode(pad + zip(pad, secret).map { $0 ^ $1 })
    }

    /// Whether `text` is this token under any mask, compared in constant time.
    package func matches(_ text: String) -> Bool {
        guard text.utf8.count == 88, let bytes = Base64.decode(text), bytes.count == 64 else { return false }
        return constantTimeEquals(zip(bytes[..<32], bytes[32...]).map { $0 ^ $1 }, secret)
    }
}
