import Crypto
package import FoundationEssentials

/// What a refresh token holds that its signing key's thief cannot write: the id of the token.
///
/// HMAC-SHA256(workspace secret, "refresh" ‖ session id ‖ generation), the first 128 bits of it, stored nowhere. A
/// session may so outlive the key its tokens were signed with: the token is known by this even when its signature
/// proves nothing any more. It is in no access token, so nobody has seen it but the session's own client.
package struct RefreshProof: Sendable {
    private let bytes: [UInt8]

    /// The proof of one generation of a session; `workspaceSecret` is the workspace's cookie secret.
    package init(workspaceSecret: [UInt8], session: UUID, generation: Int64) {
        var hmac = HMAC<SHA256>(key: SymmetricKey(data: workspaceSecret))
        var message = Array("refresh".utf8) + session.bytes
        for shift in stride(from: 56, through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: generation >> Int64(shift)))
        }
        hmac.update(data: message)
        bytes = Array(Array(hmac.finalize()).prefix(16))
    }

    /// The proof as the `jti` of a token.
    package var tokenID: UUID {
        UUID(
            uuid: (
                bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
                bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]
            )
        )
    }

    /// Whether a token's `jti` is this proof, compared in constant time.
    package func matches(_ tokenID: UUID) -> Bool {
        constantTimeEquals(tokenID.bytes, bytes)
    }
}

extension UUID {
    fileprivate var bytes: [UInt8] {
        let octets = octets
        return octets.indices.map { octets[$0] }
    }
}
