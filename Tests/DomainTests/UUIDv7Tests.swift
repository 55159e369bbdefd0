import Domain
import FoundationEssentials
import Testing

@Suite struct `A UUID of version 7` {
    @Test func `is laid out as in the example of RFC 9562, appendix A.6`() {
        // The example: 0x17F22E279B0 milliseconds, rand_a CC3, rand_b 18C4DC0C0C07398F in 62 bits.
        // `random(in:)` takes the bits it needs from the top of a word.
        var entropy = SequenceEntropy(words: [0xCC3 << 52, 0x18C4_DC0C_0C07_398F << 2])
        let id = UUID.v7(at: Date(timeIntervalSince1970: 1_645_557_742), entropy: &entropy)
        #expect(id.uuidString == "017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    }

    @Test(arguments: [UInt64.min, .max, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa])
    func `says version 7 and the RFC's variant whatever the random bits`(_ word: UInt64) {
        var entropy = ConstantEntropy(word: word)
        let id = UUID.v7(at: now, entropy: &entropy).uuid
        #expect(id.6 >> 4 == 7)
        #expect(id.8 >> 6 == 0b10)
    }

    @Test func `begins with 48 bits of milliseconds since 1970`() {
        let id = UUID.v7(at: Date(timeIntervalSince1970: 1_750_000_000.5)).uuid
        let milliseconds = [id.0, id.1, id.2, id.3, id.4, id.5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(milliseconds == 1_750_000_000_500)
    }

    @Test func `sorts after every id made a millisecond earlier`() {
        var least = ConstantEntropy(word: 0)
        var most = ConstantEntropy(word: .max)
        for step in 0..<1000 {
            // Half a millisecond in, so that the binary fraction cannot tip it into the next.
            let moment = now.addingTimeInterval((Double(step) + 0.5) / 1000)
            let earlier = UUID.v7(at: moment, entropy: &most)
            let later = UUID.v7(at: moment.addingTimeInterval(0.001), entropy: &least)
            #expect(earlier.uuidString < later.uuidString)
        }
    }

    @Test func `is of 1970 for moments before it`() {
        var entropy = ConstantEntropy(word: 0)
        let id = UUID.v7(at: Date(timeIntervalSince1970: -1), entropy: &entropy)
        #expect(id.uuidString == "00000000-0000-7000-8000-000000000000")
    }

    @Test func `is not made twice`() {
        let ids = Set((0..<10_000).map { _ in UUID.v7(at: now) })
        #expect(ids.count == 10_000)
    }
}

/// Answers the given words, then zero.
private struct SequenceEntropy: RandomNumberGenerator {
    var words: [UInt64]

    mutating func next() -> UInt64 {
        words.isEmpty ? 0 : words.removeFirst()
    }
}
