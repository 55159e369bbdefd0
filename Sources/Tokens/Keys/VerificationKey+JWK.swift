import Domain

extension VerificationKey {
    /// Takes a public JWK for verifying (RFC 7517 section 4).
    ///
    /// `kid` and `alg` must be there and `alg` must be one of ours; `use`, when there, must be `sig` and
    /// `key_ops` must hold `verify` and nothing but `sign` besides. A key with private members, and a symmetric one, is refused.
    package init(jwk: JSONObject) throws(KeyRefusal) {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] where jwk[name] != nil {
            throw .wrongType
        }
        guard let kid = jwk["kid"]?.string, let type = jwk["kty"]?.string, let name = jwk["alg"]?.string
        else {
            throw .malformed
        }
        guard let algorithm = SigningAlgorithm(name: name) else { throw .wrongType }
        if let use = jwk["use"] {
            guard let use = use.string, equalBytes(use, "sig") else { throw .wrongType }
        }
        if let operations = jwk["key_ops"] {
            let names = operations.array?.compactMap(\.string) ?? []
            guard names.contains(where: { equalBytes($0, "verify") }),
                names.allSatisfy({ equalBytes($0, "verify") || equalBytes($0, "sign") })
            else { throw .wrongType }
        }
        let key: PublicKey
        switch algorithm {
        case .rs256:
            guard equalBytes(type, "RSA") else { throw .wrongType }
            let (modulus, exponent) = (try jwk.octets("n"), try jwk.octets("e"))
            // RFC 7518 section 2: an unsigned integer has no leading zero.
            guard modulus[0] != 0, exponent[0] != 0 else { throw .malformed }
            key = .rsa(try RSAPublicKey(spki: DER.rsaPublicKey(modulus: modulus, exponent: exponent)))
        case .es256:
            guard equalBytes(type, "EC"), jwk.curve("P-256") else { throw .wrongType }
            key = .p256(try P256PublicKey(x: try jwk.octets("x"), y: try jwk.octets("y")))
        case .edDSA:
            guard equalBytes(type, "OKP"), jwk.curve("Ed25519") else { throw .wrongType }
            key = .ed25519(try Ed25519PublicKey(x: try jwk.octets("x")))
        }
        try self.init(kid: kid, key: key)
    }
}

extension SigningAlgorithm {
    /// The algorithm with exactly these bytes for a name.
    init?(name: String) {
        guard let match = SigningAlgorithm.allCases.first(where: { equalBytes($0.rawValue, name) }) else {
            return nil
        }
        self = match
    }
}

extension JSONObject {
    fileprivate func octets(_ name: String) throws(KeyRefusal) -> [UInt8] {
        guard let text = self[name]?.string, let bytes = Base64URL.decode(text), !bytes.isEmpty else {
            throw .malformed
        }
        return bytes
    }

    fileprivate func curve(_ name: String) -> Bool {
        guard let curve = self["crv"]?.string else { return false }
        return equalBytes(curve, name)
    }
}
