import Domain
import Foundation
import Testing

@testable import Tokens

/// Whether a JWS verifies with a key read from a JWK; the kid has to agree as in a token.
private func verifies(_ jws: String, with jwk: JSONObject) -> Bool {
    guard let key = try? VerificationKey(jwk: jwk), let jws = try? CompactJWS(Array(jws.utf8)) else {
        return false
    }
    if let kid = jws.keyID, !equalBytes(kid, key.kid) { return false }
    return (try? jws.verify(with: key)) != nil
}

/// A JWK with its private members left out and, since those of some vectors are not kids here, another kid.
private func publicKey(_ jwk: JSONObject, kid: String? = nil, alg: String? = nil) -> JSONObject {
    let secret: Set<String> = ["d", "p", "q", "dp", "dq", "qi"]
    var members = jwk.members.filter { !secret.contains($0.name) }
    if let kid { members = members.filter { $0.name != "kid" } + [("kid", .string(kid))] }
    if let alg { members = members.filter { $0.name != "alg" } + [("alg", .string(alg))] }
    return JSONObject(members: members)
}

private func object(_ text: String) throws -> JSONObject {
    try #require(try StrictJSON.parse(Array(text.utf8)).object)
}

@Suite struct `JWS examples of the RFCs` {
    private let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    @Test func `RFC 7515 A.2, RS256`() throws {
        let key = try object(
            #"{"kty":"RSA","alg":"RS256","kid":"a2","e":"AQAB","n":""#
                + "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"
                + "yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"
                + "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                + #"h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#
        )
        let signature =
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb"
            + "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383"
            + "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
            + "wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        #expect(verifies("eyJhbGciOiJSUzI1NiJ9.\(payload).\(signature)", with: key))
        #expect(!verifies("eyJhbGciOiJSUzI1NiJ9.\(payload.dropLast(4)).\(signature)", with: key))
    }

    @Test func `RFC 7515 A.3, ES256`() throws {
        let key = try object(
            #"{"kty":"EC","alg":"ES256","kid":"a3","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
                + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
        )
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        #expect(verifies("eyJhbGciOiJFUzI1NiJ9.\(payload).\(signature)", with: key))
        #expect(!verifies("eyJhbGciOiJFUzI1NiJ9.\(payload.dropLast(4)).\(signature)", with: key))
    }

    @Test func `RFC 7515 A.1 and A.5, HS256 and none, are refused`() throws {
        for header in ["eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0"] {
            #expect(throws: TokenRefusal.algorithm) { try CompactJWS(Array("\(header).\(payload).".utf8)) }
        }
    }

    @Test func `RFC 8037 A.4, EdDSA`() throws {
        let key = try object(
            #"{"kty":"OKP","alg":"EdDSA","kid":"a4","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        )
        let signature =
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        #expect(verifies("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\(signature)", with: key))
        #expect(!verifies("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd.\(signature)", with: key))
    }
}

@Suite(.needsVectors) struct `The cookbook of RFC 7520` {
    @Test func `verifies RS256 and refuses every other example`() throws {
        for file in try Vectors.files(in: "rfc7520/jws") {
            let example = try #require(try StrictJSON.parse(Vectors.bytes("rfc7520/jws/" + file)).object)
            let input = try #require(example["input"]?.object)
            guard let compact = example["output"]?.object?["compact"]?.string,
                let jwk = (input["key"] ?? input["keys"]?.array?.first)?.object
            else { continue }
            var isAccepted = false
            for alg in ["RS256", "ES256", "EdDSA"] {
                // The cookbook's kid holds an @, which is not allowed in ours: only the signature is compared.
                guard let key = try? VerificationKey(jwk: publicKey(jwk, kid: "bilbo", alg: alg)),
                    let jws = try? CompactJWS(Array(compact.utf8))
                else { continue }
                isAccepted = isAccepted || (try? jws.verify(with: key)) != nil
            }
            #expect(isAccepted == file.hasPrefix("4_1."), "\(file)")
        }
    }
}

@Suite(.needsVectors) struct `JWS and JWK against Wycheproof` {
    private func groups(_ path: String) throws -> [JSONObject] {
        // The files hold objects of more members than tokens do.
        let bytes = try Vectors.bytes("wycheproof/" + path)
        let file = try StrictJSON.parse(bytes, limits: .init(depth: 16, members: 512))
        return try #require(file.object?["testGroups"]?.array).compactMap(\.object)
    }

    @Test func `verifies what is valid in our algorithms and nothing else`() throws {
        var (accepted, refused) = (0, 0)
        for group in try groups("json_web_signature_test.json") {
            guard let jwk = (group["public"] ?? group["private"])?.object else { continue }
            let isOurs = ["RS256", "ES256", "EdDSA"].contains(jwk["alg"]?.string)
            for test in try #require(group["tests"]?.array).compactMap(\.object) {
                guard let jws = test["jws"]?.string else { continue }
                var key = publicKey(jwk)
                if key["kid"]?.string?.contains("@") == true {
                    // As above: the same key under a kid that is one, and a JWS whose kid is not looked at.
                    key = publicKey(jwk, kid: "bilbo")
                    let isValid =
                        (try? CompactJWS(Array(jws.utf8)).verify(with: VerificationKey(jwk: key))) != nil
                    #expect(
                        isValid == (isOurs && test["result"]?.string == "valid"),
                        "\(test["tcId"] as Any)"
                    )
                    continue
                }
                let isExpected = isOurs && test["result"]?.string == "valid"
                #expect(verifies(jws, with: key) == isExpected, "\(test["tcId"] as Any)")
                if isExpected { accepted += 1 } else { refused += 1 }
            }
        }
        #expect(accepted == 8)
        #expect(refused > 370)
    }

    @Test func `takes no key set that is invalid, mixed or repeats a kid`() throws {
        var accepted: [Int64] = []
        for group in try groups("json_web_key_test.json") {
            guard let set = (group["public"] ?? group["private"])?.object else { continue }
            let keys = set["keys"]?.array?.compactMap(\.object) ?? [set]
            var writer = JSONWriter()
            writer.value(
                .object(.init(members: [("keys", .array(keys.map { .object(publicKey($0)) }))]))
            )
            let imported = try? JWKSDocument.keys(in: writer.bytes)
            for test in try #require(group["tests"]?.array).compactMap(\.object) {
                guard let jws = test["jws"]?.string, let tcId = test["tcId"]?.integer else { continue }
                let isAccepted = imported?.contains { key in
                    (try? CompactJWS(Array(jws.utf8)).verify(with: key)) != nil
                }
                if isAccepted == true { accepted.append(tcId) }
            }
        }
        // 5 is the only set of our algorithms that is valid.
        #expect(accepted == [5])
    }

    private struct RSAGroup: Decodable {
        let publicKeyDer: String
        let tests: [RSACase]
    }

    private struct RSACase: Decodable {
        let tcId: Int
        let msg: String
        let sig: String
        let result: String
        let flags: [String]
    }

    @Test func `verifies RSA-2048 signatures by the book`() throws {
        let path = "wycheproof/rsa_signature_2048_sha256_test.json"
        var checked = 0
        for group in try Vectors.decode(Wycheproof<RSAGroup>.self, from: path).testGroups {
            let spki = bytes(hex: group.publicKeyDer)
            let key = try? VerificationKey(kid: "k", algorithm: .rs256, spki: spki)
            for test in group.tests {
                let isValid = key?.isValid(bytes(hex: test.sig), for: bytes(hex: test.msg)) ?? false
                if test.flags.contains("MissingNull") {
                    #expect(!isValid, "\(test.tcId)")
                } else if test.result != "acceptable", key != nil {
                    #expect(isValid == (test.result == "valid"), "\(test.tcId)")
                }
                if key != nil { checked += 1 }
            }
        }
        #expect(checked > 200)
    }
}
