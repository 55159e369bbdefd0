import Domain
import Foundation
import Testing

@testable import Tokens

@Suite(.needsPython) struct `Tokens and other implementations` {
    private let now = instant(start)

    private func claims() throws -> [String: any Sendable] {
        let object = try JSONSerialization.jsonObject(with: Data(accessClaims().payload))
        return try #require(object as? [String: any Sendable])
    }

    private func base64(_ answer: [String: Any], _ name: String) throws -> [UInt8] {
        let text = try #require(answer[name] as? String, "\(answer)")
        return try #require(Base64.decode(text))
    }

    @Test func `PyJWT and joserfc read our tokens by our JWK Set and our PEM`() throws {
        let jwks = String(decoding: JWKSDocument(Keys.all.map(\.verificationKey)).bytes, as: UTF8.self)
        var requests: [Python.Request] = []
        for key in Keys.all {
            for token in [
                try TokenSigner(key: key).sign(accessClaims()),
                try TokenSigner(key: key).sign(refreshClaims()),
            ] {
                let request: Python.Request = [
                    "token": token, "jwks": jwks, "alg": key.algorithm.rawValue, "aud": "beta", "iss": issuer,
                    "pem": key.verificationKey.pem,
                ]
                for verb in ["pyjwt_verify", "joserfc_verify", "pyjwt_verify_pem"] {
                    requests.append(request.merging(["do": verb]) { $1 })
                }
            }
        }
        let expected = [accessClaims().payload, refreshClaims().payload].map { payload in
            try? JSONSerialization.jsonObject(with: Data(payload)) as? NSDictionary
        }
        for (index, answer) in try Python.ask(requests).enumerated() {
            let kind = index / 3 % 2
            let read = try #require(answer["claims"] as? NSDictionary, "\(answer)")
            #expect(read == expected[kind])
            guard let header = answer["header"] as? [String: String] else { continue }
            #expect(header["typ"] == ["at+jwt", "rt+jwt"][kind])
            #expect(header["kid"] == Keys.all[index / 6].kid)
        }
    }

    @Test func `our verifier reads what PyJWT and joserfc sign with their own keys`() throws {
        let algorithms = SigningAlgorithm.allCases
        let pairs = try Python.ask(algorithms.map { ["do": "generate", "alg": $0.rawValue] })
        let claims = try claims()
        for (algorithm, pair) in zip(algorithms, pairs) {
            let spki = try base64(pair, "spki")
            let key = try VerificationKey(kid: "theirs", algorithm: algorithm, spki: spki)
            let keys = try VerificationKeySet(workspaceID: workspaceID, issuer: issuer, keys: [key])
            let request: Python.Request = [
                "pkcs8": pair["pkcs8"] as? String ?? "", "alg": algorithm.rawValue, "kid": "theirs",
                "typ": "at+jwt",
                "claims": claims,
            ]
            let answers = try Python.ask(
                ["pyjwt_sign", "joserfc_sign"].map { verb in request.merging(["do": verb]) { $1 } }
            )
            for answer in answers {
                let token = try #require(answer["token"] as? String, "\(answer)")
                let read = try TokenVerifier().verifyAccess(token, keys: keys, audience: "beta", now: now)
                #expect(read.payload == accessClaims().payload)
            }
            // Their private key is ours to sign with, and its public half is the same.
            let signing = try SigningKey(kid: "theirs", algorithm: algorithm, pkcs8: base64(pair, "pkcs8"))
            #expect(signing.verificationKey.spki == spki)
            let token = try TokenSigner(key: signing).sign(accessClaims())
            #expect(throws: Never.self) { try TokenVerifier().verifyAccess(token, keys: keys, now: now) }
        }
    }

    @Test func `our private keys are theirs to read, in every RSA size`() throws {
        let message = Array("message".utf8)
        for bits in [2048, 3072] {
            let pair = try GeneratedKey.generate(.rs256, bits: bits)
            let answers = try Python.ask([
                [
                    "do": "rsa_sign", "pkcs8": Base64.encode(pair.pkcs8), "message": Base64.encode(message),
                ],
                ["do": "generate", "alg": "RS256", "bits": bits],
            ])
            let key = try SigningKey(kid: "k", algorithm: .rs256, pkcs8: pair.pkcs8)
            // PKCS#1 v1.5 has one signature for one message.
            #expect(try key.sign(message) == base64(answers[0], "signature"))
            try SigningKey(kid: "k", algorithm: .rs256, pkcs8: base64(answers[1], "pkcs8")).selfTest()
        }
    }

    @Test func `an RSA key of 1024 bits made elsewhere is refused`() throws {
        let answer = try Python.ask([["do": "generate", "alg": "RS256", "bits": 1024]])[0]
        let (pkcs8, spki) = (try base64(answer, "pkcs8"), try base64(answer, "spki"))
        #expect(throws: KeyRefusal.modulusBits(1024)) {
            try SigningKey(kid: "k", algorithm: .rs256, pkcs8: pkcs8)
        }
        #expect(throws: KeyRefusal.modulusBits(1024)) {
            try VerificationKey(kid: "k", algorithm: .rs256, spki: spki)
        }
    }

    @Test func `hashlib and hmac agree on passwords and cookies`() throws {
        let passwords = [
            "plain", "Ⅷ ﬁ ㎏ ①", "q\u{323}\u{307}", "\u{1E9B}\u{323}", "한글 \u{1100}\u{1161}", "ｶﾞ",
        ]
        let salt = "0f0e0d0c0b0a09080706050403020100"
        let hashes = try Python.ask(passwords.map { ["do": "scrypt", "password": $0, "salt": salt] })
        for (password, answer) in zip(passwords, hashes) {
            #expect(
                PasswordHash(hashing: password, salt: Array(salt.utf8))?.stored == answer["hash"] as? String
            )
        }
        let secret = "not-a-real-secret-only-for-tests"
        let tokens = ["a", "x.y", "ÿ/+=%", "abc def'(!)*~"]
        let values = try Python.ask(tokens.map { ["do": "cookie", "secret": secret, "token": $0] })
        for (token, answer) in zip(tokens, values) {
            #expect(CookieSignature(secret: Array(secret.utf8)).sign(token) == answer["value"] as? String)
        }
    }
}
