import Domain
import Foundation
import Testing

@testable import Tokens

@Suite struct `The token signer` {
    private let verifier = TokenVerifier()

    @Test func `writes tokens of every algorithm that its verifier reads back unchanged`() throws {
        for key in Keys.all {
            let signer = TokenSigner(key: key)
            let access = accessClaims(scope: "a \"quoted\" \\ scope, ünïcode 😀 \u{1}")
            let read = try verifier.verifyAccess(signer.sign(access), keys: keySet(key), now: instant(start))
            #expect(read.payload == access.payload)
            let refresh = refreshClaims()
            let again = try verifier.verifyRefresh(
                signer.sign(refresh),
                keys: keySet(key),
                now: instant(start)
            )
            #expect(again.payload == refresh.payload)
            #expect(again.generation == 7)
        }
    }

    @Test func `writes exactly the claims of an access token`() throws {
        let text = String(decoding: accessClaims().payload, as: UTF8.self)
        #expect(
            text == #"{"iss":"https://sso.test/w/demo","sub":"0190a2b3-0000-7000-8000-0000000000aa","#
                + #""aud":"beta","client_id":"scli_test","azp":"scli_test","#
                + #""sid":"0190a2b3-0000-7000-8000-0000000000bb","jti":"0190a2b3-0000-7000-8000-0000000000cc","#
                + #""iat":1750000000,"exp":1750003600,"auth_time":1749999940,"amr":["pwd"],"scope":"openid","#
                + #""uuid":"0190a2b3-0000-7000-8000-0000000000aa","aid":"beta","#
                + #""wid":"ws_0190a2b3c4d57e8f9a0b1c2d3e4f5a6b","uid":"0190a2b3-0000-7000-8000-0000000000cc"}"#
        )
    }

    @Test func `writes exactly the claims of a refresh token`() throws {
        let text = String(decoding: refreshClaims().payload, as: UTF8.self)
        #expect(
            text == #"{"iss":"https://sso.test/w/demo","sub":"0190a2b3-0000-7000-8000-0000000000aa","#
                + #""aud":"beta","sid":"0190a2b3-0000-7000-8000-0000000000bb","gen":7,"#
                + #""jti":"0190a2b3-0000-7000-8000-0000000000cc","iat":1750000000,"exp":1750604800,"#
                + #""uuid":"0190a2b3-0000-7000-8000-0000000000aa","aid":"beta","#
                + #""wid":"ws_0190a2b3c4d57e8f9a0b1c2d3e4f5a6b","uid":"0190a2b3-0000-7000-8000-0000000000cc"}"#
        )
    }

    @Test func `writes a header of algorithm, kid and kind`() throws {
        let header = { (token: String) in
            let part = token.prefix { $0 != "." }
            return Base64URL.decode(String(part)).map { String(decoding: $0, as: UTF8.self) }
        }
        let signer = TokenSigner(key: Keys.rsa)
        #expect(try header(signer.sign(accessClaims())) == #"{"alg":"RS256","kid":"rsa-1","typ":"at+jwt"}"#)
        #expect(try header(signer.sign(refreshClaims())) == #"{"alg":"RS256","kid":"rsa-1","typ":"rt+jwt"}"#)
        #expect(signer.keyID == "rsa-1")
    }

    @Test func `marks machines and impersonation, and the verifier tells`() throws {
        let signer = TokenSigner(key: Keys.ed25519)
        for (isMachine, isImpersonated) in [(false, false), (true, false), (false, true), (true, true)] {
            let token = try signer.sign(accessClaims(isMachine: isMachine, isImpersonated: isImpersonated))
            let read = try verifier.verifyAccess(token, keys: keySet(Keys.ed25519), now: instant(start))
            #expect(read.isMachine == isMachine)
            #expect(read.isImpersonated == isImpersonated)
        }
    }

    @Test func `refuses to write what its verifier would not read`() throws {
        let signer = TokenSigner(key: Keys.ed25519)
        let room = try 8192 - signer.sign(accessClaims(scope: "")).utf8.count
        let scope = String(repeating: "s", count: room * 3 / 4)
        let token = try signer.sign(accessClaims(scope: scope))
        #expect(token.utf8.count <= 8192)
        #expect(throws: Never.self) {
            try verifier.verifyAccess(token, keys: keySet(Keys.ed25519), now: instant(start))
        }
        #expect(throws: SigningFailure.tooLarge) { try signer.sign(accessClaims(scope: scope + "ssss")) }
    }

    @Test func `names in every token the key that signed it, while keys are swapped`() async throws {
        let signers = [Keys.rsa, Keys.otherRSA, Keys.p256, Keys.ed25519].map(TokenSigner.init)
        let keys = try keySet(Keys.rsa, Keys.otherRSA, Keys.p256, Keys.ed25519)
        try await withThrowingTaskGroup { group in
            for index in 0..<200 {
                group.addTask {
                    let token = try signers[(index / 3) % signers.count].sign(accessClaims())
                    return try TokenVerifier().verifyAccess(token, keys: keys, now: instant(start)).payload
                }
            }
            for try await payload in group {
                #expect(payload == accessClaims().payload)
            }
        }
    }
}
