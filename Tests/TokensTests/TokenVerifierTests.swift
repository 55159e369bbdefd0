import Crypto
import Domain
import Foundation
import Testing

@testable import Tokens

@Suite struct `The token verifier` {
    private let verifier = TokenVerifier()
    private let key = Keys.ed25519
    private let header = #"{"alg":"EdDSA","kid":"ed25519-1","typ":"at+jwt"}"#

    private func verdict(
        _ token: String,
        keys: VerificationKeySet? = nil,
        audience: String? = nil,
        now: Int64 = start
    ) throws -> TokenRefusal? {
        let keys = try keys ?? keySet(key)
        return refusal { () throws(TokenRefusal) in
            _ = try verifier.verifyAccess(token, keys: keys, audience: audience, now: instant(now))
        }
    }

    /// An access token whose payload has `name` replaced by raw JSON, or left out when that is nil.
    private func token(with name: String, _ json: String?) throws -> String {
        let object = try #require(try StrictJSON.parse(accessClaims().payload).object)
        var parts: [String] = []
        for member in object.members where member.name != name {
            var writer = JSONWriter()
            writer.value(member.value)
            parts.append("\"\(member.name)\":" + String(decoding: writer.bytes, as: UTF8.self))
        }
        if let json { parts.append("\"\(name)\":\(json)") }
        return try forge(header: header, payload: Array("{\(parts.joined(separator: ","))}".utf8), with: key)
    }

    @Test func `accepts only the kind it was asked for`() throws {
        let signer = TokenSigner(key: key)
        let keys = try keySet(key)
        let kinds = [
            "at+jwt": try signer.sign(accessClaims()),
            "rt+jwt": try signer.sign(refreshClaims()),
            "JWT": try signer.sign(payload: accessClaims().payload, type: "JWT"),
            "logout+jwt": try signer.sign(payload: accessClaims().payload, type: "logout+jwt"),
            "AT+JWT": try signer.sign(payload: accessClaims().payload, type: "AT+JWT"),
            "application/at+jwt": try signer.sign(
                payload: accessClaims().payload,
                type: "application/at+jwt"
            ),
            "at+jwt ": try signer.sign(payload: accessClaims().payload, type: "at+jwt "),
            "": try forge(
                header: #"{"alg":"EdDSA","kid":"ed25519-1"}"#,
                payload: accessClaims().payload,
                with: key
            ),
        ]
        for (type, token) in kinds {
            let asAccess = refusal { () throws(TokenRefusal) in
                _ = try verifier.verifyAccess(token, keys: keys, now: instant(start))
            }
            #expect(asAccess == (type == "at+jwt" ? nil : .kind(type)), "\(type)")
            let asRefresh = refusal { () throws(TokenRefusal) in
                _ = try verifier.verifyRefresh(token, keys: keys, now: instant(start))
            }
            #expect(asRefresh == (type == "rt+jwt" ? nil : .kind(type)), "\(type)")
        }
    }

    @Test func `keeps no more than 32 bytes of a kind it refuses`() throws {
        let long = String(repeating: "é", count: 1000)
        let token = try TokenSigner(key: key).sign(payload: accessClaims().payload, type: long)
        #expect(try verdict(token) == .kind(String(repeating: "é", count: 16)))
    }

    @Test(arguments: [
        "none", "None", "NONE", "nOnE", "", "HS256", "RS512", "PS256", "ES384", "rs256", "eddsa", "EdDSA ",
    ])
    func `refuses algorithms it does not have`(name: String) throws {
        let header = #"{"alg":"\#(name)","kid":"ed25519-1","typ":"at+jwt"}"#
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(accessClaims().payload)
        #expect(try verdict(signed + ".") == .algorithm)
        #expect(try verdict(forge(header: header, payload: accessClaims().payload, with: key)) == .algorithm)
    }

    @Test(arguments: [
        #"{"kid":"ed25519-1","typ":"at+jwt"}"#, #"{"alg":null,"typ":"at+jwt"}"#, #"{"alg":["EdDSA"]}"#,
    ])
    func `refuses a header without an algorithm`(header: String) throws {
        #expect(try verdict(forge(header: header, payload: accessClaims().payload, with: key)) == .algorithm)
    }

    @Test func `refuses HMAC under the public key`() throws {
        let header = #"{"alg":"HS256","kid":"rsa-1","typ":"at+jwt"}"#
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(accessClaims().payload)
        for secret in [Keys.rsa.verificationKey.spki, Array(Keys.rsa.verificationKey.pem.utf8)] {
            let mac = HMAC<SHA256>.authenticationCode(
                for: Array(signed.utf8),
                using: SymmetricKey(data: secret)
            )
            let token = signed + "." + Base64URL.encode(Array(mac))
            #expect(try verdict(token, keys: keySet(Keys.rsa)) == .algorithm)
        }
    }

    @Test func `refuses an algorithm other than the key's though it has both`() throws {
        // Signed by the P-256 key, named as the Ed25519 key; and the other way round.
        let header = #"{"alg":"ES256","kid":"ed25519-1","typ":"at+jwt"}"#
        let forged = try forge(header: header, payload: accessClaims().payload, with: Keys.p256)
        #expect(try verdict(forged, keys: keySet(Keys.p256, key)) == .algorithm)
        let other = #"{"alg":"EdDSA","kid":"ed25519-1","typ":"at+jwt"}"#
        let wrong = try forge(header: other, payload: accessClaims().payload, with: Keys.p256)
        #expect(try verdict(wrong, keys: keySet(Keys.p256, key)) == .signature)
    }

    @Test(arguments: ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip"])
    func `refuses a header that brings its own key or rules`(name: String) throws {
        for value in [#""https://keys.test/""#, "null", "{}", "[]", "true"] {
            let header = #"{"alg":"EdDSA","kid":"ed25519-1","typ":"at+jwt","\#(name)":\#(value)}"#
            let token = try forge(header: header, payload: accessClaims().payload, with: key)
            #expect(try verdict(token) == .forbiddenHeader(name))
        }
    }

    @Test(arguments: [
        "ed25519-2", "", "../ed25519-1", "ed25519-1\\u0000", "ed25519-1' OR 1=1 --", "/dev/null", "ED25519-1",
        "ed25519-1\\u0301",
    ])
    func `refuses a kid that is not one of the workspace's`(kid: String) throws {
        let header = #"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt"}"#
        let token = try forge(header: header, payload: accessClaims().payload, with: key)
        #expect(try verdict(token) == .unknownKey)
    }

    @Test(arguments: [#"{"alg":"EdDSA","typ":"at+jwt"}"#, #"{"alg":"EdDSA","typ":"at+jwt","kid":1}"#])
    func `refuses a token that names no key`(header: String) throws {
        #expect(try verdict(forge(header: header, payload: accessClaims().payload, with: key)) == .unknownKey)
    }

    @Test func `refuses another workspace's token, its key under the same kid included`() throws {
        let token = try TokenSigner(key: key).sign(accessClaims())
        let named = { (id: String, issuer: String, key: SigningKey) in
            try VerificationKeySet(workspaceID: id, issuer: issuer, keys: [key.verificationKey])
        }
        let twin = try Keys.make(.edDSA, kid: "ed25519-1")
        #expect(try verdict(token, keys: named(workspaceID, issuer, twin)) == .signature)
        #expect(try verdict(token, keys: named(workspaceID, "https://sso.test/w/rival", key)) == .issuer)
        #expect(try verdict(token, keys: named("ws_other", issuer, key)) == .workspace)
        #expect(try verdict(token, keys: named(workspaceID, issuer, key)) == nil)
    }

    @Test func `compares issuers by bytes`() throws {
        let composed = "https://sso.test/w/caf\u{E9}"
        let token = try TokenSigner(key: key).sign(accessClaims(issuer: "https://sso.test/w/cafe\u{301}"))
        let keys = try VerificationKeySet(
            workspaceID: workspaceID,
            issuer: composed,
            keys: [key.verificationKey]
        )
        #expect(try verdict(token, keys: keys) == .issuer)
        for suffix in ["/", " ", "\0", "#"] {
            let other = try TokenSigner(key: key).sign(accessClaims(issuer: issuer + suffix))
            #expect(try verdict(other) == .issuer)
        }
    }

    @Test func `checks the audience it is given`() throws {
        let token = try TokenSigner(key: key).sign(accessClaims(audience: "beta"))
        #expect(try verdict(token, audience: "beta") == nil)
        #expect(try verdict(token, audience: "Beta") == .audience)
        #expect(try verdict(token, audience: "") == .audience)
        #expect(try verdict(self.token(with: "aud", #"["beta"]"#), audience: "beta") == .claim("aud"))
    }

    @Test func `accepts a token until 30 seconds after it expired and no longer`() throws {
        let token = try TokenSigner(key: key).sign(accessClaims())
        #expect(try verdict(token, now: start + 3600 + 29) == nil)
        #expect(try verdict(token, now: start + 3600 + 30) == .expired)
        #expect(try verdict(token, now: start - 30) == nil)
        #expect(try verdict(token, now: start - 31) == .notYetValid)
        let strict = TokenVerifier(leeway: 0)
        let keys = try keySet(key)
        #expect(throws: TokenRefusal.expired) {
            try strict.verifyAccess(token, keys: keys, now: instant(start + 3600))
        }
    }

    @Test func `respects a not-before that somebody wrote`() throws {
        #expect(try verdict(token(with: "nbf", "\(start + 30)")) == nil)
        #expect(try verdict(token(with: "nbf", "\(start + 31)")) == .notYetValid)
        #expect(try verdict(token(with: "nbf", "\"soon\"")) == .claim("nbf"))
    }

    @Test(arguments: ["iat", "exp", "auth_time"])
    func `refuses times that are not whole seconds of this age`(name: String) throws {
        for value in [
            "0", "-1", "8589934592", "1.75e9", "1750000000.5", "\"1750000000\"", "null", "true", "[]",
        ] {
            #expect(try verdict(token(with: name, value)) == .claim(name), "\(value)")
        }
    }

    @Test func `refuses a token that expires before it was issued`() throws {
        #expect(try verdict(token(with: "exp", "\(start)")) == .claim("exp"))
        #expect(try verdict(token(with: "exp", "\(start - 1)")) == .claim("exp"))
    }

    @Test(arguments: [
        "sub", "aud", "client_id", "azp", "sid", "jti", "iat", "exp", "auth_time", "amr", "scope", "uuid",
        "aid", "uid",
    ])
    func `refuses a token without one of its claims, or with one of another type`(name: String) throws {
        #expect(try verdict(token(with: name, nil)) == .claim(name))
        #expect(try verdict(token(with: name, "{}")) == .claim(name))
        #expect(try verdict(token(with: name, "[1]")) == .claim(name))
    }

    @Test func `refuses a token without issuer or workspace`() throws {
        #expect(try verdict(token(with: "iss", nil)) == .claim("iss"))
        #expect(try verdict(token(with: "iss", "[]")) == .claim("iss"))
        #expect(try verdict(token(with: "wid", nil)) == .workspace)
        #expect(try verdict(token(with: "wid", "1")) == .workspace)
    }

    @Test func `refuses ids in another spelling, and two that should be one`() throws {
        #expect(try verdict(token(with: "sid", #""0190A2B3-0000-7000-8000-0000000000BB""#)) == .claim("sid"))
        #expect(
            try verdict(token(with: "uuid", #""0190a2b3-0000-7000-8000-0000000000ab""#)) == .claim("uuid")
        )
        #expect(try verdict(token(with: "uid", #""0190a2b3-0000-7000-8000-0000000000ab""#)) == .claim("uid"))
    }

    @Test(arguments: [
        ("m2m", "true", true, false), ("m2m", "false", false, false), ("m2m", "null", false, false),
        ("m2m", "\"false\"", true, false), ("m2m", "0", true, false), ("imp", "true", false, true),
        ("imp", "false", false, false), ("act", #"{"sub":"x"}"#, false, true), ("act", "{}", false, true),
    ])
    func `takes any mark but false for a mark`(
        name: String,
        value: String,
        machine: Bool,
        impersonated: Bool
    ) throws {
        let read = try verifier.verifyAccess(token(with: name, value), keys: keySet(key), now: instant(start))
        #expect(read.isMachine == machine)
        #expect(read.isImpersonated == impersonated)
    }

    @Test func `refuses repeated names in header and claims`() throws {
        let twice = #"{"alg":"EdDSA","kid":"ed25519-1","typ":"at+jwt","\u0061lg":"none"}"#
        #expect(try verdict(forge(header: twice, payload: accessClaims().payload, with: key)) == .malformed)
        let payload = Array(String(decoding: accessClaims().payload, as: UTF8.self).dropLast().utf8)
        let claims = payload + Array(#","\u0065xp":9}"#.utf8)
        #expect(try verdict(forge(header: header, payload: claims, with: key)) == .malformed)
    }

    @Test(arguments: ["", "[]", "null", "\"x\"", "{", "{}x", "{\"iss\":\"\u{0}\"}"])
    func `refuses a payload or header that is no JSON object`(text: String) throws {
        #expect(try verdict(forge(header: header, payload: Array(text.utf8), with: key)) == .malformed)
        #expect(try verdict(forge(header: text, payload: accessClaims().payload, with: key)) == .malformed)
    }

    @Test func `refuses what is not three parts of base64url`() throws {
        let good = try TokenSigner(key: key).sign(accessClaims())
        let bad = [
            "", ".", "..", "...", "a.b", good + ".", "." + good, good + ".x", good + "=", good + "\n",
            " " + good,
            good.replacing(".", with: ".."), good.replacing(".", with: " ."), good + "é", good + "\0",
            good.split(separator: ".").joined(separator: "/"), String(good.dropLast(2)),
        ]
        for token in bad {
            let verdict = try verdict(token)
            #expect(verdict == .malformed || verdict == .signature, "\(token)")
        }
    }

    @Test func `refuses more than 8192 bytes without decoding them`() throws {
        #expect(try verdict(String(repeating: "A", count: 8193)) == .tooLarge)
        #expect(try verdict(String(repeating: "A", count: 1 << 20)) == .tooLarge)
        #expect(try verdict(String(repeating: "A", count: 8192)) == .malformed)
        #expect(
            refusal { () throws(TokenRefusal) in _ = try UnverifiedToken([UInt8](repeating: 65, count: 8193))
            } == .tooLarge
        )
    }

    @Test func `tells whose token it claims to be before anything is verified`() throws {
        let token = try UnverifiedToken(TokenSigner(key: Keys.rsa).sign(accessClaims()))
        #expect(token.issuer == issuer)
        #expect(token.keyID == "rsa-1")
        #expect(token.workspaceID == workspaceID)
    }

    @Test func `gives every refusal a label of its own`() {
        let all: [TokenRefusal] = [
            .tooLarge, .malformed, .forbiddenHeader("jku"), .algorithm, .unknownKey, .kind("x"), .signature,
            .issuer,
            .workspace, .audience, .expired, .notYetValid, .claim("exp"),
        ]
        #expect(Set(all.map(\.label)).count == all.count)
    }
}
