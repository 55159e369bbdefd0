import Domain
import FoundationEssentials
import Testing

@Suite struct `A rotation policy` {
    @Test func `rotates every ninety days to RS256 with 2048 bits unless told otherwise, a day ahead`() {
        let policy = RotationPolicy()
        #expect(policy.interval == 90 * 86_400)
        #expect(policy.lead == 86_400)
        #expect(policy.algorithm == .rs256)
        #expect(policy.rsaBits == 2048)
    }

    @Test(
        arguments: [
            (3_600, 660, 2048, nil), (63_072_000, 2_592_000, 4096, nil), (7_776_000, 86_400, 3072, nil),
            (3_599, 660, 2048, .interval), (63_072_001, 660, 2048, .interval), (-1, 660, 2048, .interval),
            (3_600, 659, 2048, .lead), (63_072_000, 2_592_001, 2048, .lead), (3_600, 3_600, 2048, .lead),
            (3_600, 660, 1024, .rsaBits), (3_600, 660, 2049, .rsaBits), (3_600, 660, 8192, .rsaBits),
        ] as [(Int, Int, Int, RotationPolicy.Refusal?)]
    )
    func `is taken within its ranges, and refused by name outside`(
        _ interval: Int,
        _ lead: Int,
        _ bits: Int,
        _ refusal: RotationPolicy.Refusal?
    ) {
        do {
            let policy = try RotationPolicy.checked(
                interval: interval,
                lead: lead,
                algorithm: .es256,
                rsaBits: bits
            )
            #expect(refusal == nil)
            #expect(policy.interval == interval && policy.lead == lead && policy.rsaBits == bits)
        } catch {
            #expect(error == refusal)
        }
    }

    @Test(
        arguments: [
            (.rs256, 2048, .rs256, 2048, true), (.rs256, 2048, .rs256, 4096, false),
            (.rs256, 2048, .es256, nil, false), (.es256, 4096, .es256, nil, true),
            (.rs256, 2048, .rs256, nil, true),
        ] as [(SigningAlgorithm, Int, SigningAlgorithm, Int?, Bool)]
    )
    func `fits keys of its algorithm and, for RSA, of its size as far as that is known`(
        _ algorithm: SigningAlgorithm,
        _ bits: Int,
        _ keys: SigningAlgorithm,
        _ keysBits: Int?,
        _ fits: Bool
    ) {
        let policy = RotationPolicy(algorithm: algorithm, rsaBits: bits)
        #expect(policy.fits(rotationKey(algorithm: keys, bits: keysBits, activates: 0)) == fits)
    }

    @Test func `spreads workspaces over a tenth of the interval, each always the same`() {
        let policy = RotationPolicy()
        let jitters = (0..<200).map { number in
            policy.jitter(of: Workspace.ID(uuid(UInt8(number))))
        }
        #expect(jitters.allSatisfy { (0..<TimeInterval(policy.interval / 10)).contains($0) })
        #expect(Set(jitters).count == 200)
        let tenths = Dictionary(grouping: jitters) { Int($0 / TimeInterval(policy.interval / 100)) }
        #expect(tenths.count == 10)
        #expect(tenths.values.allSatisfy { $0.count < 50 })
        #expect(jitters == (0..<200).map { policy.jitter(of: Workspace.ID(uuid(UInt8($0)))) })
    }
}
