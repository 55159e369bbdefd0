import Domain
import Testing

@testable import Tokens

@Suite struct `A signing key` {
    @Test(arguments: [SigningAlgorithm.es256, .edDSA])
    func `is generated, written, read and proved`(algorithm: SigningAlgorithm) throws {
        try prove(GeneratedKey.generate(algorithm), bits: nil)
    }

    @Test(arguments: [2048, 3072])
    func `of RSA is generated in the size asked for`(bits: Int) throws {
        try prove(GeneratedKey.generate(.rs256, bits: bits), bits: bits)
    }

    private func prove(_ pair: GeneratedKey, bits: Int?) throws {
        let key = try SigningKey(kid: "k", algorithm: pair.algorithm, pkcs8: pair.pkcs8)
        try key.selfTest()
        #expect(key.verificationKey.spki == pair.spki)
        let message = Array("message".utf8)
        let signature = try key.sign(message)
        let read = try VerificationKey(kid: "k", algorithm: pair.algorithm, spki: pair.spki)
        #expect(read.isValid(signature, for: message))
        #expect(!read.isValid(signature, for: message + [0]))
        #expect(!read.isValid(signature + [0], for: message))
        #expect(!read.isValid(Array(signature.dropLast()), for: message))
        #expect(!read.isValid([], for: message))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 0x10
            #expect(!read.isValid(changed, for: message))
        }
        if let bits {
            guard case .rsa(let rsa) = read.key else {
                Issue.record("not RSA")
                return
            }
            #expect(rsa.modulus.count == bits / 8 && rsa.modulus[0] >= 0x80)
            #expect(rsa.exponent == [1, 0, 1])
        }
    }

    @Test(arguments: [0, 512, 1024, 2047, 2049, 4097, 8192, -1])
    func `of RSA is not generated in another size`(bits: Int) {
        #expect(throws: KeyRefusal.modulusBits(bits)) { try GeneratedKey.generate(.rs256, bits: bits) }
    }

    @Test func `is not read as one of another algorithm`() throws {
        for pair in try SigningAlgorithm.allCases.map({ try GeneratedKey.generate($0) }) {
            for other in SigningAlgorithm.allCases where other != pair.algorithm {
                #expect(throws: KeyRefusal.malformed) {
                    try SigningKey(kid: "k", algorithm: other, pkcs8: pair.pkcs8)
                }
                #expect(throws: KeyRefusal.malformed) {
                    try VerificationKey(kid: "k", algorithm: other, spki: pair.spki)
                }
            }
        }
    }

    @Test func `is not read with a byte more, a byte less or no byte`() throws {
        for pair in try SigningAlgorithm.allCases.map({ try GeneratedKey.generate($0) }) {
            for bad in [pair.pkcs8 + [0], Array(pair.pkcs8.dropLast()), [], pair.spki] {
                #expect(throws: KeyRefusal.self, "\(pair.algorithm), \(bad.count) bytes") {
                    try SigningKey(kid: "k", algorithm: pair.algorithm, pkcs8: bad)
                }
            }
            for bad in [pair.spki + [0], Array(pair.spki.dropLast()), [], pair.pkcs8] {
                #expect(throws: KeyRefusal.self, "\(pair.algorithm)") {
                    try VerificationKey(kid: "k", algorithm: pair.algorithm, spki: bad)
                }
            }
        }
    }

    @Test func `of RSA is refused with a small or large modulus or another exponent`() {
        let modulus = { (bytes: Int) in [UInt8](repeating: 0xC5, count: bytes) }
        let cases: [([UInt8], [UInt8], KeyRefusal)] = [
            (modulus(128), [1, 0, 1], .modulusBits(1024)), (modulus(255), [1, 0, 1], .modulusBits(2040)),
            (modulus(257), [1, 0, 1], .modulusBits(2056)), (modulus(1024), [1, 0, 1], .modulusBits(8192)),
            (modulus(256), [3], .exponent), (modulus(256), [1], .exponent),
            (modulus(256), [1, 0, 0, 1], .exponent),
        ]
        for (n, e, expected) in cases {
            #expect(throws: expected) {
                try VerificationKey(
                    kid: "k",
                    algorithm: .rs256,
                    spki: DER.rsaPublicKey(modulus: n, exponent: e)
                )
            }
        }
    }

    @Test func `is refused in DER that is not the one way to write it`() throws {
        let spki = Keys.rsa.verificationKey.spki
        // The algorithm's NULL left out, and the two lengths around it made to fit.
        var bad = Array(spki[..<17] + spki[19...])
        bad[3] -= 2
        bad[5] -= 2
        #expect(spki[17...18] == [5, 0])
        #expect(throws: KeyRefusal.malformed) { try VerificationKey(kid: "k", algorithm: .rs256, spki: bad) }
    }

    @Test(arguments: ["", "a b", "é", "a/b", "\"", "../x", String(repeating: "k", count: 65), "a\0", "a'--"])
    func `is refused under a name that is not one`(kid: String) {
        #expect(throws: KeyRefusal.kid) {
            try VerificationKey(kid: kid, algorithm: .edDSA, spki: Keys.ed25519.verificationKey.spki)
        }
    }

    @Test func `signs from many threads at once`() async throws {
        let message = Array("message".utf8)
        let keys = Keys.all
        try await withThrowingTaskGroup { group in
            for index in 0..<240 {
                group.addTask {
                    let key = keys[index % keys.count]
                    let signature = try key.sign(message + [UInt8(index)])
                    return key.verificationKey.isValid(signature, for: message + [UInt8(index)])
                }
            }
            for try await isValid in group {
                #expect(isValid)
            }
        }
    }
}

@Suite struct `A set of verification keys` {
    @Test func `refuses one kid twice`() throws {
        let keys = [
            Keys.rsa.verificationKey, try VerificationKey(kid: "rsa-1", key: Keys.p256.verificationKey.key),
        ]
        #expect(throws: KeyRefusal.duplicateKid) {
            try VerificationKeySet(workspaceID: workspaceID, issuer: issuer, keys: keys)
        }
    }

    @Test func `finds a key by its exact name`() throws {
        let keys = try keySet(Keys.rsa, Keys.p256)
        #expect(keys.key(named: "p256-1")?.algorithm == .es256)
        for name in ["", "P256-1", "p256-1 ", "p256-1\0", "p256-1\u{301}", "../p256-1", "p256-1' OR '1'='1"] {
            #expect(keys.key(named: name) == nil)
        }
    }
}

@Suite struct `The JWK Set` {
    private func document(_ keys: [SigningKey]) -> JWKSDocument {
        JWKSDocument(keys.map(\.verificationKey))
    }

    @Test func `has exactly the members of each kind of key`() throws {
        let root = try #require(try StrictJSON.parse(document(Keys.all).bytes).object)
        #expect(root.members.map(\.name) == ["keys"])
        let keys = try #require(root["keys"]?.array).compactMap(\.object)
        #expect(keys.map { $0["kid"]?.string } == ["ed25519-1", "p256-1", "rsa-1"])
        #expect(keys.map { $0["alg"]?.string } == ["EdDSA", "ES256", "RS256"])
        #expect(keys.map { $0["kty"]?.string } == ["OKP", "EC", "RSA"])
        #expect(keys[0].members.map(\.name) == ["kty", "use", "alg", "kid", "crv", "x"])
        #expect(keys[1].members.map(\.name) == ["kty", "use", "alg", "kid", "crv", "x", "y"])
        #expect(keys[2].members.map(\.name) == ["kty", "use", "alg", "kid", "n", "e"])
        #expect(keys[2]["e"]?.string == "AQAB")
        #expect(keys.allSatisfy { $0["use"]?.string == "sig" })
    }

    @Test func `is the same bytes and tag in any order, and another tag for other keys`() {
        #expect(document(Keys.all).bytes == document(Keys.all.reversed()).bytes)
        #expect(document(Keys.all).etag == document(Keys.all.reversed()).etag)
        #expect(document(Keys.all).etag != document([Keys.rsa]).etag)
        let etag = document(Keys.all).etag
        #expect(etag.hasPrefix("\"") && etag.hasSuffix("\"") && etag.utf8.count == 24)
        #expect(String(decoding: document([]).bytes, as: UTF8.self) == #"{"keys":[]}"#)
    }

    @Test func `is read back as the keys it was written from`() throws {
        let keys = try JWKSDocument.keys(in: document(Keys.all).bytes)
        #expect(keys.map(\.spki) == [Keys.ed25519, Keys.p256, Keys.rsa].map(\.verificationKey.spki))
        #expect(keys.map(\.kid) == ["ed25519-1", "p256-1", "rsa-1"])
    }

    @Test func `is refused with what does not belong there`() throws {
        let good = String(decoding: document([Keys.rsa]).bytes, as: UTF8.self)
        let changes: [(String, String, KeyRefusal)] = [
            (#""use":"sig""#, #""use":"enc""#, .wrongType), (#""use":"sig""#, #""use":1"#, .wrongType),
            (#""use":"sig""#, #""key_ops":["encrypt"]"#, .wrongType),
            (#""use":"sig""#, #""key_ops":["verify","encrypt"]"#, .wrongType),
            (#""use":"sig""#, #""use":"sig","d":"AQ""#, .wrongType),
            (#""use":"sig""#, #""use":"sig","k":"AQ""#, .wrongType),
            (#""RS256""#, #""RS512""#, .wrongType), (#""RS256""#, #""ES256""#, .wrongType),
            (#""kty":"RSA""#, #""kty":"EC""#, .wrongType), (#""kty":"RSA""#, #""kty":"oct""#, .wrongType),
            (#""kid":"rsa-1""#, #""kid":"a b""#, .kid), (#""kid":"rsa-1","#, "", .malformed),
            (#""AQAB""#, #""Aw""#, .exponent), (#""AQAB""#, #""AQAB=""#, .malformed),
            (#""AQAB""#, #""""#, .malformed), (#""keys""#, #""key""#, .malformed),
        ]
        for (old, new, expected) in changes {
            let bad = good.replacing(old, with: new)
            #expect(bad != good)
            #expect(throws: expected, "\(new)") { try JWKSDocument.keys(in: Array(bad.utf8)) }
        }
        let twice = good.replacing("[", with: "[" + good.dropFirst(9).dropLast(2) + ",")
        #expect(throws: KeyRefusal.duplicateKid) { try JWKSDocument.keys(in: Array(twice.utf8)) }
    }

    @Test func `of a point that is not on the curve is refused`() throws {
        let good = String(decoding: document([Keys.p256]).bytes, as: UTF8.self)
        guard case .p256(let key) = Keys.p256.verificationKey.key else { return }
        let bad = good.replacing(Base64URL.encode(key.y), with: Base64URL.encode(key.y.map { $0 ^ 1 }))
        #expect(throws: KeyRefusal.malformed) { try JWKSDocument.keys(in: Array(bad.utf8)) }
    }
}

@Suite struct `PEM of a public key` {
    @Test func `has lines of 64 characters of the key's DER`() throws {
        let pem = Keys.rsa.verificationKey.pem
        var lines = pem.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.removeFirst() == "-----BEGIN PUBLIC KEY-----")
        #expect(lines.removeLast() == "")
        #expect(lines.removeLast() == "-----END PUBLIC KEY-----")
        #expect(lines.dropLast().allSatisfy { $0.utf8.count == 64 })
        #expect(Base64.decode(lines.joined()) == Keys.rsa.verificationKey.spki)
    }
}

@Suite struct `The self-test of the start` {
    @Test func `passes with the libcrypto there is`() throws {
        try SelfTest.run()
    }
}

@Suite struct `Keys on many threads` {
    @Test func `are read, sign and verify at once, every one of them`() async throws {
        let generated = try GeneratedKey.generate(.rs256, bits: 2048)
        let shared = try SigningKey(kid: "0123456789abcdef", algorithm: .rs256, pkcs8: generated.pkcs8)
        let message = Array("message".utf8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for round in 0..<60 {
                        let key = try VerificationKey(
                            kid: shared.kid,
                            algorithm: .rs256,
                            spki: generated.spki
                        )
                        if round % 4 == 0 {
                            _ = try SigningKey(kid: shared.kid, algorithm: .rs256, pkcs8: generated.pkcs8)
                        }
                        #expect(key.isValid(try shared.sign(message), for: message))
                        #expect(!key.isValid([UInt8](repeating: 1, count: 256), for: message))
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
