import Foundation
import Testing

@testable import Tokens

@Suite struct `Base64url` {
    @Test func `spells the vectors of RFC 4648`() {
        let vectors = [
            "": "", "f": "Zg", "fo": "Zm8", "foo": "Zm9v", "foob": "Zm9vYg", "fooba": "Zm9vYmE",
            "foobar": "Zm9vYmFy",
        ]
        for (plain, text) in vectors {
            #expect(Base64URL.encode(Array(plain.utf8)) == text)
            #expect(Base64URL.decode(text) == Array(plain.utf8))
        }
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
    }

    @Test(arguments: [
        "Zg==", "Zg=", "Zh", "Zm9", "Z", "Zm9v Zg", "Zm9v\n", " Zm9v", "-_8=", "+/8", "Zm9vYg\0", "Zm9vé",
        "Zg.",
    ])
    func `refuses any other spelling`(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func `gives back random bytes of every length and no text twice`() {
        var generator = SeededGenerator(state: 7)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            #expect(Data(bytes).base64EncodedString() == Base64.encode(bytes))
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test func `accepts exactly the texts it writes`() {
        // Every text of two and of three bytes over the whole alphabet and its neighbours.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .".utf8)
        var accepted = 0
        for first in alphabet {
            for second in alphabet {
                guard let bytes = Base64URL.decode([first, second]) else { continue }
                accepted += 1
                #expect(Array(Base64URL.encode(bytes).utf8) == [first, second])
            }
        }
        #expect(accepted == 256)
    }
}

@Suite struct `Padded base64` {
    @Test(arguments: [
        "Zg", "Zg=", "Zh==", "Zg===", "====", "=", "Zm9v====", "Zm9=Zm9=", "Zg==\n", "-_8=", "Zm 9",
    ])
    func `refuses any other spelling`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `reads what it writes`() {
        #expect(Base64.decode("+/8=") == [0xFB, 0xFF])
        #expect(Base64.decode("Zg==") == Array("f".utf8))
        #expect(Base64.decode("") == [])
    }
}

@Suite struct `A UUID in tokens` {
    @Test func `is written in lower case and read back`() {
        let id = id("0190A2B3-C4D5-7E8F-9A0B-1C2D3E4F5A6B")
        var text: [UInt8] = []
        text.append(canonical: id)
        #expect(String(decoding: text, as: UTF8.self) == "0190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6b")
        #expect(UUID(canonical: "0190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6b") == id)
    }

    @Test(arguments: [
        "0190A2B3-c4d5-7e8f-9a0b-1c2d3e4f5a6b", "0190a2b3c4d57e8f9a0b1c2d3e4f5a6b", "",
        "0190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6", "0190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6bc",
        "0190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6g", "{190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6b",
        "0190a2b3_c4d5-7e8f-9a0b-1c2d3e4f5a6b", "٠190a2b3-c4d5-7e8f-9a0b-1c2d3e4f5a6b",
    ])
    func `is refused in any other spelling`(text: String) {
        #expect(UUID(canonical: text) == nil)
    }
}

@Suite struct `Comparing bytes` {
    @Test func `tells canonically equal texts apart`() {
        #expect("caf\u{E9}" == "cafe\u{301}")
        #expect(!equalBytes("caf\u{E9}", "cafe\u{301}"))
        // The same number of bytes, canonically equal, and not the same.
        #expect("a\u{323}\u{307}" == "a\u{307}\u{323}")
        #expect(!equalBytes("a\u{323}\u{307}", "a\u{307}\u{323}"))
        #expect(equalBytes("\u{212A}", "\u{212A}"))
        #expect(!equalBytes("\u{212A}", "K"))
    }

    @Test func `compares secrets by all their bytes`() {
        let secret = SecureRandom.bytes(40)
        #expect(constantTimeEquals(secret, secret))
        #expect(constantTimeEquals([], []))
        #expect(!constantTimeEquals(secret, Array(secret.dropLast())))
        for index in secret.indices {
            var other = secret
            other[index] ^= 1
            #expect(!constantTimeEquals(secret, other))
        }
    }
}
