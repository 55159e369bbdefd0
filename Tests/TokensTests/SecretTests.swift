import Foundation
import Testing

@testable import Tokens

@Suite struct `Random secrets` {
    @Test func `have the length asked for and differ`() {
        for count in [0, 1, 7, 8, 9, 32, 100] {
            #expect(SecureRandom.bytes(count).count == count)
        }
        #expect(Set((0..<1000).map { _ in SecureRandom.bytes(16) }).count == 1000)
        #expect(SecureRandom.secret().utf8.count == 43)
        #expect(Base64URL.decode(SecureRandom.secret())?.count == 32)
    }

    @Test func `use each of the 62 characters about equally`() {
        let text = SecureRandom.alphanumerics(62_000)
        var counts: [UInt8: Int] = [:]
        for byte in text.utf8 { counts[byte, default: 0] += 1 }
        #expect(counts.count == 62)
        // Five standard deviations and more: fails once in millions of runs, or when 256 % 62 shows.
        #expect(counts.values.allSatisfy { (800...1200).contains($0) })
    }
}

@Suite struct `The hash of a secret` {
    @Test func `is SHA-256 and matches the secret alone`() throws {
        let hash = SecretHash(of: "abc")
        #expect(
            hash.bytes == bytes(hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        )
        let stored = try #require(SecretHash(stored: hash.bytes))
        #expect(stored.matches("abc"))
        #expect(!stored.matches("abd"))
        #expect(!stored.matches(""))
        #expect(SecretHash(stored: Array(hash.bytes.dropLast())) == nil)
    }
}

@Suite struct `A password's hash` {
    private static let salt = "00112233445566778899aabbccddeeff"

    /// Made with Python's hashlib.scrypt and unicodedata.normalize.
    private static let vectors = [
        "correct horse battery staple":
            "f5b22309b28fe412c82a4b2cab57498b8f8a42c849af16cb908974048f61c139"
            + "33421858db3a8f111430bdc493c7cef90f61f904061c77206e3820a2e8b11bc2",
        "ﬁancé Ⅷ":
            "9d048147232a31c270315a46ec1af0e3623618f6677ee31207febf30e87eba8e"
            + "3e5c709476eb111fd04ddfb7e4bf12fe5718a7235ca748c7afda1e16beff70de",
        "e\u{301}\u{327}":
            "0c8e3c2a5a1773ed6d11ca126786b843995d43794c7707a894c1076cf966389b"
            + "662d3f4cac917d098095137e392bb7c2fef3bfced64ad5c933be915e96228b96",
        "":
            "497fd99302c442f6627fee539466649b1d40a6c71680cb681c10927ac69fddbf"
            + "dfaab89fc61bc62faaa91b5099235a7e64362d00e1134a19ce7d03507e9178fa",
        "a\0b":
            "e563e24817db8e57b72fe85d02b92ae77aaf214b45e7a702dfcd0c7ebb9daaca"
            + "04ec907d415adfed007ae08669a3fe72e82c5ce67a43dccfa7cc6ed70f6b20c9",
    ]

    @Test(arguments: vectors)
    func `made elsewhere is matched`(password: String, key: String) throws {
        let hash = try #require(PasswordHash(stored: Self.salt + ":" + key))
        #expect(hash.matches(password))
        #expect(hash.stored == Self.salt + ":" + key)
    }

    @Test func `matches its password in any spelling and no other`() throws {
        let hash = try #require(PasswordHash(hashing: "caf\u{E9}"))
        #expect(hash.matches("cafe\u{301}"))
        #expect(!hash.matches("cafe"))
        let other = try #require(PasswordHash(hashing: "caf\u{E9}"))
        #expect(hash.stored != other.stored)
        #expect(PasswordHash(stored: hash.stored)?.matches("caf\u{E9}") == true)
    }

    @Test func `is not read in any other form`() throws {
        let good = Self.salt + ":" + String(repeating: "ab", count: 64)
        #expect(PasswordHash(stored: good) != nil)
        let bad = [
            "", ":", good + "0", String(good.dropLast()), good.uppercased(), "x" + good.dropFirst(),
            good.dropLast() + "g", good.replacingOccurrences(of: ":", with: "."), good.dropLast() + "é",
            "$2b$10$" + good, good.dropLast() + "\n",
        ]
        for text in bad {
            #expect(PasswordHash(stored: text) == nil, "\(text)")
        }
    }

    @Test func `of nobody matches nothing`() {
        #expect(!PasswordHash.matchesNobody("correct horse battery staple"))
    }
}

@Suite struct `A cookie's signature` {
    private let cookies = CookieSignature(secret: Array("not-a-real-secret-only-for-tests".utf8))

    /// Made with Python's hmac, base64 and urllib.
    @Test(arguments: [
        (
            "abcDEF0123456789abcDEF0123456789",
            "abcDEF0123456789abcDEF0123456789.g5zeHpPyOXUL1y3Rnneh2JFMkREK93OASAgjz7NTipg%3D"
        ),
        ("a.b.c", "a.b.c.DxvG94cZwT8KSgbWwZydQPdQ9ijyA8fTOkvlAYszKCw%3D"),
        ("tökén", "t%C3%B6k%C3%A9n.x2kw7Y8EMGdYLJzlFLHKEUGpBDZ9vjR%2FNOPkzvpYT7w%3D"),
    ])
    func `is that of better-auth`(token: String, value: String) {
        #expect(cookies.sign(token) == value)
        #expect(cookies.token(in: value) == token)
        // Decoded by whoever stood in between.
        #expect(cookies.token(in: value.removingPercentEncoding ?? "") == token)
    }

    @Test func `is refused when anything changed`() {
        let value = cookies.sign("token")
        var generator = SeededGenerator(state: 3)
        for _ in 0..<2000 {
            var bytes = Array(value.utf8)
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                in: 0x21...0x7E,
                using: &generator
            )
            let changed = String(decoding: bytes, as: UTF8.self)
            // %3d is another way to write %3D, and the only change that may pass.
            if changed == value || changed.hasSuffix("%3d") { continue }
            #expect(cookies.token(in: changed) == nil, "\(changed)")
        }
        #expect(CookieSignature(secret: Array("another".utf8)).token(in: value) == nil)
    }

    @Test func `is refused where the form is wrong`() {
        let signature = Base64.encode([UInt8](repeating: 1, count: 32))
        for value in [
            "", ".", "=", "token", "token.", "." + signature, "%", "%zz", "token." + signature, "%FF%FE.x",
        ] {
            #expect(cookies.token(in: value) == nil, "\(value)")
        }
        // A token of no characters cannot be told from a missing one.
        #expect(cookies.token(in: cookies.sign("")) == nil)
    }
}

@Suite struct `The CSRF token` {
    private let secret = Array("not-a-real-secret-only-for-tests".utf8)
    private let session = id("0190A2B3-0000-7000-8000-0000000000BB")

    @Test func `is 88 characters, different each time, and always matches`() {
        let token = CSRFToken(workspaceSecret: secret, session: session)
        let rendered = (0..<100).map { _ in token.masked() }
        #expect(Set(rendered).count == 100)
        #expect(rendered.allSatisfy { $0.utf8.count == 88 && $0.hasSuffix("==") })
        #expect(rendered.allSatisfy { token.matches($0) })
    }

    @Test func `is HMAC of the session under its mask`() throws {
        // Python: hmac.new(secret, b"csrf" + session.bytes, "sha256").
        let text = CSRFToken(workspaceSecret: secret, session: session).masked()
        let bytes = try #require(Base64.decode(text))
        let plain = (0..<32).map { bytes[$0] ^ bytes[$0 + 32] }
        #expect(lowercaseHexadecimal(plain) == Array(Self.hmac.utf8))
    }

    @Test func `does not match another session, another workspace or another text`() {
        let token = CSRFToken(workspaceSecret: secret, session: session)
        #expect(!token.matches(CSRFToken(workspaceSecret: secret, session: UUID()).masked()))
        #expect(!token.matches(CSRFToken(workspaceSecret: secret + [1], session: session).masked()))
        let text = token.masked()
        for bad in [
            "", String(text.dropLast()), text + "=", String(text.reversed()), "é" + text.dropFirst(2),
        ] {
            #expect(!token.matches(bad), "\(bad)")
        }
        #expect(!token.matches(Base64.encode([UInt8](repeating: 0, count: 64))))
    }

    private static let hmac = "70d4c931180b7a59e5f7454536b6c7ee1396ca6bcffe04fb71063c174ed8cabf"
}
