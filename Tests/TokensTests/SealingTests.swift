import Crypto
import Testing

@testable import Tokens

@Suite struct `Master keys` {
    private let a = Base64.encode([UInt8](repeating: 1, count: 32))
    private let b = Base64.encode([UInt8](repeating: 2, count: 32))

    @Test func `are read in order, comments and empty lines skipped`() throws {
        let keys = try MasterKeys(parsing: "# the new one\r\nk2:\(a)\r\n\nk-1.x_:\(b)\n")
        #expect(keys.ids == ["k2", "k-1.x_"])
        #expect(try MasterKeys(parsing: "only:\(a)").ids == ["only"])
    }

    @Test func `are refused with the line and without the secret`() {
        let long = String(repeating: "i", count: 65)
        let cases: [(String, MasterKeysRefusal)] = [
            ("", .empty), ("# nothing\n", .empty), (a, .noColon(line: 1)),
            ("k:\(a)\nnothing", .noColon(line: 2)),
            (":\(a)", .badID(line: 1)), ("k y:\(a)", .badID(line: 1)), ("\(long):\(a)", .badID(line: 1)),
            ("ké:\(a)", .badID(line: 1)), ("k:\(a)\nk:\(b)", .repeatedID(line: 2)),
            ("k:\(a.dropLast())", .badKey(line: 1)), ("k:", .badKey(line: 1)), ("k: \(a)", .badKey(line: 1)),
            ("k:\(a) ", .badKey(line: 1)), ("k:\(Base64.encode([1, 2, 3]))", .badKey(line: 1)),
            ("k:\(Base64.encode([UInt8](repeating: 1, count: 33)))", .badKey(line: 1)),
        ]
        for (text, expected) in cases {
            do {
                _ = try MasterKeys(parsing: text)
                Issue.record("accepted \(text)")
            } catch {
                #expect(error == expected)
                #expect(!error.description.contains(a.prefix(8)))
            }
        }
    }
}

@Suite struct `Sealed secrets` {
    private static let keyA = "a:" + Base64.encode([UInt8](repeating: 1, count: 32))
    private static let keyB = "b:" + Base64.encode([UInt8](repeating: 2, count: 32))
    private let underA = fixture { KeySealing(masterKeys: try MasterKeys(parsing: keyA)) }
    private let underB = fixture { KeySealing(masterKeys: try MasterKeys(parsing: keyB)) }
    private let underBThenA = fixture { KeySealing(masterKeys: try MasterKeys(parsing: keyB + "\n" + keyA)) }
    private let secret = Array("a private key, as it were".utf8)

    private func place(
        workspace: String = "ws_1",
        name: String = "kid-1",
        purpose: SealedPlace.Purpose = .tokenSigning,
        algorithm: String = "RS256"
    ) -> SealedPlace {
        SealedPlace(workspaceID: workspace, name: name, purpose: purpose, algorithm: algorithm)
    }

    @Test func `open where they were sealed, and are never the same twice`() throws {
        let sealed = try underA.seal(secret, for: place())
        #expect(try underA.open(sealed, for: place()) == secret)
        #expect(try underA.seal(secret, for: place()) != sealed)
        #expect(sealed.count == secret.count + 91)
        #expect(try KeySealing.kekID(of: sealed) == "a")
        #expect(try underA.open(underA.seal([], for: place()), for: place()) == [])
        let haystack = String(decoding: sealed, as: UTF8.self)
        #expect(!haystack.contains("private"))
    }

    @Test func `open for no other workspace, name, purpose or algorithm`() throws {
        let sealed = try underA.seal(secret, for: place())
        let elsewhere = [
            place(workspace: "ws_2"), place(name: "kid-2"), place(purpose: .cookieSecret),
            place(algorithm: "ES256"), place(workspace: "ws_1k", name: "id-1"),
        ]
        for other in elsewhere {
            #expect(throws: SealingRefusal.notAuthentic) { try underA.open(sealed, for: other) }
        }
    }

    @Test func `do not open when any bit is flipped or any byte is missing or added`() throws {
        let sealed = try underA.seal(secret, for: place())
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << bit
                #expect(throws: SealingRefusal.self) { try underA.open(changed, for: place()) }
            }
            #expect(throws: SealingRefusal.self) { try underA.open(Array(sealed[..<index]), for: place()) }
        }
        #expect(throws: SealingRefusal.notAuthentic) { try underA.open(sealed + [0], for: place()) }
        #expect(throws: SealingRefusal.malformed) { try underA.open([], for: place()) }
        #expect(throws: SealingRefusal.malformed) { try underA.open([1, 255] + sealed, for: place()) }
    }

    @Test func `do not open with parts of another secret of the same place`() throws {
        let first = try SealedSecret(parsing: underA.seal(secret, for: place()))
        let second = try SealedSecret(parsing: underA.seal(secret, for: place()))
        let mixed = SealedSecret(kekID: "a", wrap: first.wrap, data: second.data)
        #expect(throws: SealingRefusal.notAuthentic) { try underA.open(mixed.bytes, for: place()) }
    }

    @Test func `have a wrapping that opens for its own workspace, name and master key alone`() throws {
        let sealed = try SealedSecret(parsing: underA.seal(secret, for: place()))
        let key = SymmetricKey(data: [UInt8](repeating: 1, count: 32))
        let unwrap = { (binding: [UInt8]) in try? AESGCM.decrypt(sealed.wrap, with: key, bound: binding) }
        #expect(unwrap(place().wrapBinding(kekID: "a"))?.count == 32)
        #expect(unwrap(place(workspace: "ws_2").wrapBinding(kekID: "a")) == nil)
        #expect(unwrap(place(name: "kid-2").wrapBinding(kekID: "a")) == nil)
        #expect(unwrap(place().wrapBinding(kekID: "b")) == nil)
        #expect(unwrap(place().dataBinding) == nil)
    }

    @Test func `need the master key they name`() throws {
        let sealed = try underA.seal(secret, for: place())
        #expect(throws: SealingRefusal.unknownMasterKey(id: "a")) { try underB.open(sealed, for: place()) }
        // Another key under the same id.
        let impostor = KeySealing(
            masterKeys: try MasterKeys(parsing: "a:" + Base64.encode([UInt8](repeating: 9, count: 32)))
        )
        #expect(throws: SealingRefusal.notAuthentic) { try impostor.open(sealed, for: place()) }
    }

    @Test func `move to the first master key and stay what they were`() throws {
        let old = try underA.seal(secret, for: place())
        let new = try underBThenA.rewrap(old, for: place())
        #expect(try KeySealing.kekID(of: new) == "b")
        #expect(try underB.open(new, for: place()) == secret)
        #expect(try SealedSecret(parsing: new).data == SealedSecret(parsing: old).data)
        #expect(try underBThenA.rewrap(new, for: place()) == new)
    }

    @Test func `are not moved when they do not open`() throws {
        var broken = try underA.seal(secret, for: place())
        broken[broken.count - 1] ^= 1
        #expect(throws: SealingRefusal.notAuthentic) { try underBThenA.rewrap(broken, for: place()) }
        let sealed = try underA.seal(secret, for: place())
        #expect(throws: SealingRefusal.notAuthentic) {
            try underBThenA.rewrap(sealed, for: place(workspace: "ws_2"))
        }
        #expect(throws: SealingRefusal.unknownMasterKey(id: "a")) { try underB.rewrap(sealed, for: place()) }
    }
}

@Suite(.needsVectors) struct `AES-GCM against Wycheproof` {
    private struct Group: Decodable {
        let ivSize: Int
        let keySize: Int
        let tagSize: Int
        let tests: [Case]
    }

    private struct Case: Decodable {
        let tcId: Int
        let key: String
        let iv: String
        let aad: String
        let msg: String
        let ct: String
        let tag: String
        let result: String
    }

    @Test func `opens what is valid and nothing else`() throws {
        let file = try Vectors.decode(Wycheproof<Group>.self, from: "wycheproof/aes_gcm_test.json")
        var checked = 0
        for group in file.testGroups where group.keySize == 256 && group.ivSize == 96 && group.tagSize == 128
        {
            for test in group.tests {
                let opened = try? AESGCM.decrypt(
                    bytes(hex: test.iv + test.ct + test.tag),
                    with: SymmetricKey(data: bytes(hex: test.key)),
                    bound: bytes(hex: test.aad)
                )
                #expect(opened == (test.result == "valid" ? bytes(hex: test.msg) : nil), "\(test.tcId)")
                checked += 1
            }
        }
        #expect(checked > 60)
    }
}
