import Domain
import Foundation
import Testing

@testable import Tokens

/// What `make` makes; when it cannot, the tests are wrong and stop.
func fixture<Value>(_ make: () throws -> Value) -> Value {
    do { return try make() } catch { preconditionFailure("\(error)") }
}

/// Keys made once for the whole run.
enum Keys {
    static let rsa = fixture { try make(.rs256, kid: "rsa-1") }
    static let otherRSA = fixture { try make(.rs256, kid: "rsa-2") }
    static let p256 = fixture { try make(.es256, kid: "p256-1") }
    static let ed25519 = fixture { try make(.edDSA, kid: "ed25519-1") }
    static let all = [rsa, p256, ed25519]

    static func make(_ algorithm: SigningAlgorithm, kid: String) throws -> SigningKey {
        try SigningKey(kid: kid, algorithm: algorithm, pkcs8: GeneratedKey.generate(algorithm).pkcs8)
    }
}

let issuer = "https://sso.test/w/demo"
let workspaceID = "ws_0190a2b3c4d57e8f9a0b1c2d3e4f5a6b"
let start: Int64 = 1_750_000_000

func instant(_ seconds: Int64) -> Date {
    Date(timeIntervalSince1970: TimeInterval(seconds))
}

func id(_ text: String) -> UUID {
    fixture { try #require(UUID(uuidString: text)) }
}

func accessClaims(
    issuer: String = issuer,
    audience: String = "beta",
    workspaceID: String = workspaceID,
    issuedAt: Int64 = start,
    expiresAt: Int64 = start + 3600,
    scope: String = "openid",
    isMachine: Bool = false,
    isImpersonated: Bool = false
) -> AccessClaims {
    AccessClaims(
        issuer: issuer,
        subject: id("0190A2B3-0000-7000-8000-0000000000AA"),
        audience: audience,
        clientID: "scli_test",
        appID: "beta",
        workspaceID: workspaceID,
        sessionID: id("0190A2B3-0000-7000-8000-0000000000BB"),
        tokenID: id("0190A2B3-0000-7000-8000-0000000000CC"),
        issuedAt: issuedAt,
        expiresAt: expiresAt,
        authenticatedAt: start - 60,
        methods: ["pwd"],
        scope: scope,
        isMachine: isMachine,
        isImpersonated: isImpersonated
    )
}

func refreshClaims(issuedAt: Int64 = start, expiresAt: Int64 = start + 604_800) -> RefreshClaims {
    RefreshClaims(
        issuer: issuer,
        subject: id("0190A2B3-0000-7000-8000-0000000000AA"),
        audience: "beta",
        sessionID: id("0190A2B3-0000-7000-8000-0000000000BB"),
        generation: 7,
        appID: "beta",
        workspaceID: workspaceID,
        tokenID: id("0190A2B3-0000-7000-8000-0000000000CC"),
        issuedAt: issuedAt,
        expiresAt: expiresAt
    )
}

func keySet(_ keys: SigningKey...) throws -> VerificationKeySet {
    try VerificationKeySet(workspaceID: workspaceID, issuer: issuer, keys: keys.map(\.verificationKey))
}

/// The refusal `work` ends in, nil if it ends well.
func refusal(_ work: () throws(TokenRefusal) -> Void) -> TokenRefusal? {
    do {
        try work()
        return nil
    } catch {
        return error
    }
}

/// A token with any header and payload, signed by `key` over exactly those bytes.
func forge(header: String, payload: [UInt8], with key: SigningKey) throws -> String {
    let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(payload)
    return signed + "." + Base64URL.encode(try key.sign(Array(signed.utf8)))
}

/// SplitMix64: the same bytes on every run, for tests that want many inputs and one failing seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func bytes(hex: String) -> [UInt8] {
    let digits = hex.utf8.compactMap(hexadecimalDigit)
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
