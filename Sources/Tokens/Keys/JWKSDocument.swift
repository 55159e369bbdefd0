import Crypto
import Domain

/// A workspace's public keys as a JWK Set (RFC 7517), ready to be sent.
///
/// Only public members are ever written: they come from public keys, which hold nothing else.
package struct JWKSDocument: Sendable {
    /// The JSON, the same bytes for the same keys whatever their order.
    package let bytes: [UInt8]
    /// A strong entity tag, quotes included (RFC 9110 section 8.8.3).
    package let etag: String

    /// Writes the keys, ordered by kid.
    package init(_ keys: [VerificationKey]) {
        var writer = JSONWriter(reserving: 64 + 512 * keys.count)
        writer.beginObject()
        writer.name("keys")
        writer.beginArray()
        for key in keys.sorted(by: { $0.kid.utf8.lexicographicallyPrecedes($1.kid.utf8) }) {
            writer.jwk(key)
        }
        writer.endArray()
        writer.endObject()
        bytes = writer.bytes
        etag = "\"" + Base64URL.encode(Array(SHA256.hash(data: writer.bytes).prefix(16))) + "\""
    }

    /// The keys of a JWK Set that another program wrote; see `VerificationKey.init(jwk:)` for what is refused.
    package static func keys(in bytes: [UInt8]) throws(KeyRefusal) -> [VerificationKey] {
        // Why the JSON is bad does not matter here.
        guard let elements = (try? StrictJSON.parse(bytes))?.object?["keys"]?.array else { throw .malformed }
        var keys: [VerificationKey] = []
        for element in elements {
            guard let jwk = element.object else { throw .malformed }
            let key = try VerificationKey(jwk: jwk)
            guard !keys.contains(where: { equalBytes($0.kid, key.kid) }) else { throw .duplicateKid }
            keys.append(key)
        }
        return keys
    }
}

extension JSONWriter {
    fileprivate mutating func jwk(_ key: VerificationKey) {
        beginObject()
        switch key.key {
        case .rsa(let rsa):
            member("kty", "RSA")
            common(key)
            member("n", Base64URL.encode(rsa.modulus))
            member("e", Base64URL.encode(rsa.exponent))
        case .p256(let p256):
            member("kty", "EC")
            common(key)
            member("crv", "P-256")
            member("x", Base64URL.encode(p256.x))
            member("y", Base64URL.encode(p256.y))
        case .ed25519(let ed25519):
            member("kty", "OKP")
            common(key)
            member("crv", "Ed25519")
            member("x", Base64URL.encode(ed25519.x))
        }
        endObject()
    }

    private mutating func common(_ key: VerificationKey) {
        member("use", "sig")
        member("alg", key.algorithm.rawValue)
        member("kid", key.kid)
    }

    private mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }
}
