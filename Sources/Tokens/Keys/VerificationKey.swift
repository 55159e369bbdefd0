package import Domain

/// A public key with its name and its one algorithm, parsed once.
package struct VerificationKey: Sendable {
    /// The name of the key, as in the header and the JWKS.
    package let kid: String
    /// The one algorithm the key is for.
    package let algorithm: SigningAlgorithm
    /// The key as `SubjectPublicKeyInfo` in DER.
    package let spki: [UInt8]
    let key: PublicKey

    /// Parses a public key, `SubjectPublicKeyInfo` in DER.
    package init(kid: String, algorithm: SigningAlgorithm, spki: [UInt8]) throws(KeyRefusal) {
        switch algorithm {
        case .rs256: try self.init(kid: kid, key: .rsa(RSAPublicKey(spki: spki)))
        case .es256: try self.init(kid: kid, key: .p256(P256PublicKey(spki: spki)))
        case .edDSA: try self.init(kid: kid, key: .ed25519(Ed25519PublicKey(spki: spki)))
        }
    }

    init(kid: String, key: PublicKey) throws(KeyRefusal) {
        guard isIdentifier(kid) else { throw .kid }
        self.kid = kid
        self.key = key
        (algorithm, spki) =
            switch key {
            case .rsa(let key): (.rs256, key.spki)
            case .p256(let key): (.es256, key.spki)
            case .ed25519(let key): (.edDSA, key.spki)
            }
    }

    /// Whether `signature`, in the form JWS has it, is this key's of `message`.
    ///
    /// About 0.02 to 0.08 ms.
    package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        switch key {
        case .rsa(let key): key.isValid(signature, for: message)
        case .p256(let key): key.isValid(signature, for: message)
        case .ed25519(let key): key.isValid(signature, for: message)
        }
    }

    /// The key as PEM (RFC 7468 section 13), ending in a line feed.
    package var pem: String {
        var text = "-----BEGIN PUBLIC KEY-----\n"
        var rest = Base64.encode(spki)[...]
        while !rest.isEmpty {
            text += rest.prefix(64) + "\n"
            rest = rest.dropFirst(64)
        }
        return text + "-----END PUBLIC KEY-----\n"
    }
}

/// A public key of any of the algorithms.
enum PublicKey: Sendable {
    case rsa(RSAPublicKey)
    case p256(P256PublicKey)
    case ed25519(Ed25519PublicKey)
}
