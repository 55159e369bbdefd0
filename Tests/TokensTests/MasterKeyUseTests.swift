import Testing

@testable import Tokens

@Suite struct `What master keys are good for` {
    private let place = SealedPlace(
        workspaceID: "ws_1",
        name: "kid-1",
        purpose: .tokenSigning,
        algorithm: "ES256"
    )

    /// Master keys of these names, each of 32 equal bytes.
    private func sealing(_ keys: (id: String, byte: UInt8)...) throws -> KeySealing {
        let lines = keys.map { "\($0.id):" + Base64.encode([UInt8](repeating: $0.byte, count: 32)) }
        return KeySealing(masterKeys: try MasterKeys(parsing: lines.joined(separator: "\n")))
    }

    @Test func `is told for each secret by the name it is sealed under`() throws {
        let sealed = try sealing(("a", 1)).seal([1, 2, 3], for: place)
        let outcomes = try [sealing(("a", 1)), sealing(("a", 2)), sealing(("b", 1))].map { sealing in
            try #require(MasterKeyUse(sealed, for: place, with: sealing))
        }
        #expect(outcomes.map(\.outcome) == [.opens, .doesNotOpen, .missing])
        #expect(outcomes.map(\.kekID) == ["a", "a", "a"])
        #expect(MasterKeyUse([9], for: place, with: try sealing(("a", 1))) == nil)
    }

    @Test func `is a damaged secret's fault while another of the same name opens`() throws {
        let good = try sealing(("a", 1)).seal([1, 2, 3], for: place)
        var damaged = good
        damaged[damaged.count - 1] ^= 1
        let keys = try sealing(("a", 1))
        let uses = [damaged, good].compactMap { MasterKeyUse($0, for: place, with: keys) }
        #expect(MasterKeyUse.reason(uses) == nil)
        #expect(
            MasterKeyUse.reason(uses.prefix(1)) == "master key a is not the one that secrets are sealed under"
        )
        #expect(MasterKeyUse.reason([]) == nil)
    }

    @Test func `is nothing when a name is missing, whatever else opens`() throws {
        let keys = try sealing(("b", 2), ("c", 3))
        let uses = try [("a", 1), ("b", 2)].compactMap { id, byte in
            MasterKeyUse(try sealing((id, byte)).seal([1], for: place), for: place, with: keys)
        }
        #expect(MasterKeyUse.reason(uses) == "master key a is not in MASTER_KEYS_FILE")
    }
}
