import Domain
import FoundationEssentials
import Testing

@Suite struct `A signing key's state` {
    @Test(
        arguments: [
            (-1, .staged), (0, .staged), (99.999, .staged), (100, .active), (199.999, .active),
            (200, .retiring), (299.999, .retiring), (300, .retired), (100_000, .retired),
        ] as [(TimeInterval, SigningKeyRecord.State)]
    )
    func `follows from its instants, each of which begins the next`(
        _ seconds: TimeInterval,
        _ state: SigningKeyRecord.State
    ) {
        let key = key(activates: 100, retires: 200, expires: 300)
        #expect(key.state(at: after(seconds)) == state)
    }

    @Test func `stays active while no end is set`() {
        #expect(key(activates: 0).state(at: after(1_000_000_000)) == .active)
    }

    @Test func `stays retiring while only its retirement is set`() {
        #expect(key(activates: 0, retires: 10).state(at: after(1_000_000_000)) == .retiring)
    }

    @Test func `passes through when instants coincide`() {
        #expect(key(activates: 0, retires: 0, expires: 0).state(at: now) == .retired)
        #expect(key(activates: 0, retires: 0, expires: 10).state(at: now) == .retiring)
    }

    @Test(arguments: [-100, 50, 150, 250, 350] as [TimeInterval])
    func `is compromised whatever the instants say, even when that is dated ahead`(_ seconds: TimeInterval) {
        let key = key(activates: 100, retires: 200, expires: 300, compromised: 1_000)
        #expect(key.state(at: after(seconds)) == .compromised)
    }

    @Test(
        arguments: [
            (50, true), (150, true), (250, true), (300, false), (350, false),
        ] as [(TimeInterval, Bool)]
    )
    func `verifies from publication to expiry`(_ seconds: TimeInterval, _ verifies: Bool) {
        #expect(
            key(activates: 100, retires: 200, expires: 300).verifies(at: after(seconds)) == verifies
        )
    }

    @Test func `does not verify once compromised`() {
        #expect(!key(activates: 0, compromised: 0).verifies(at: now))
    }
}

@Suite struct `The signer of a workspace` {
    @Test func `is none while there is no key or none has activated`() {
        #expect([].signer(at: now) == nil)
        #expect([key(activates: 1)].signer(at: now) == nil)
    }

    @Test func `is the active key that activated last, wherever it stands`() {
        let older = key("older", activates: -200)
        let newer = key("newer", activates: -100)
        let staged = key("staged", activates: 100)
        for keys in [[older, newer, staged], [staged, newer, older], [newer, staged, older]] {
            #expect(keys.signer(at: now)?.kid == "newer")
        }
    }

    @Test func `changes at the very instant the next key activates`() {
        let keys = [key("first", activates: -100), key("second", activates: 0)]
        #expect(keys.signer(at: before(0.001))?.kid == "first")
        #expect(keys.signer(at: now)?.kid == "second")
    }

    @Test func `is the next key for a clock that is behind by no more than clocks may be`() {
        let next = [key("next", activates: 5)]
        #expect(next.signer(atClock: now)?.kid == "next")
        #expect(next.signer(atClock: before(0.001)) == nil)
        let both = [key("first", activates: -100), key("second", activates: 1)]
        #expect(both.signer(atClock: now)?.kid == "first")
    }

    @Test func `is never a key that retires, is gone, is compromised or has no private half`() {
        let keys = [
            key("old", activates: -500),
            key("retiring", activates: -400, retires: 0),
            key("retired", activates: -300, retires: -20, expires: -10),
            key("compromised", activates: -200, compromised: -1),
            key("erased", activates: -100, isErased: true),
        ]
        #expect(keys.signer(at: now)?.kid == "old")
        #expect(keys.dropFirst().signer(at: now) == nil)
    }
}

/// A key whose instants are seconds from ``now``.
private func key(
    _ kid: String = "key",
    activates: TimeInterval,
    retires: TimeInterval? = nil,
    expires: TimeInterval? = nil,
    compromised: TimeInterval? = nil,
    isErased: Bool = false
) -> SigningKeyRecord {
    SigningKeyRecord(
        kid: kid,
        algorithm: .es256,
        publicKey: [],
        sealedPrivateKey: isErased ? nil : [],
        publishedAt: after(activates - 600),
        activatesAt: after(activates),
        retiresAt: retires.map(after),
        expiresAt: expires.map(after),
        compromisedAt: compromised.map(after)
    )
}
