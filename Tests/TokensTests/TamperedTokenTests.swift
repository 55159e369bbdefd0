import Domain
import Foundation
import Testing

@testable import Tokens

@Suite struct `Tokens that were tampered with` {
    private let keys = fixture { try keySet(Keys.rsa, Keys.p256, Keys.ed25519) }
    private let verifier = TokenVerifier()
    /// A debug build does 2,000 a second.
    private let rounds = ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap(Int.init) ?? 15_000

    @Test func `are never accepted, whatever bytes were changed`() throws {
        let tokens = try Keys.all.map { try Array(TokenSigner(key: $0).sign(accessClaims()).utf8) }
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
        var generator = SeededGenerator(state: 20_251_122)
        for round in 0..<rounds {
            let original = tokens[round % tokens.count]
            var token = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<token.count, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: token[index] = alphabet.randomElement(using: &generator) ?? 0
                case 1: token[index] = UInt8.random(in: 0...255, using: &generator)
                case 2: token[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 3: token.remove(at: index)
                case 4: token.insert(alphabet.randomElement(using: &generator) ?? 0, at: index)
                default: token.swapAt(index, Int.random(in: 0..<token.count, using: &generator))
                }
            }
            if token == original { continue }
            let result = refusal { () throws(TokenRefusal) in
                _ = try verifier.verifyAccess(UnverifiedToken(token), keys: keys, now: instant(start))
            }
            #expect(result != nil, "round \(round): \(String(decoding: token, as: UTF8.self))")
        }
    }

    @Test func `are refused or read, never worse, when signed by a key of ours`() throws {
        let header = Array(#"{"alg":"EdDSA","kid":"ed25519-1","typ":"at+jwt"}"#.utf8)
        var generator = SeededGenerator(state: 5)
        for _ in 0..<5000 {
            var (header, payload) = (header, accessClaims().payload)
            let index = Int.random(in: 0..<payload.count, using: &generator)
            payload[index] = UInt8.random(in: 0...255, using: &generator)
            if Bool.random(using: &generator) {
                header[Int.random(in: 0..<header.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            let token = try forge(
                header: String(decoding: header, as: UTF8.self),
                payload: payload,
                with: Keys.ed25519
            )
            _ = try? verifier.verifyAccess(token, keys: keys, now: instant(start))
        }
    }
}
