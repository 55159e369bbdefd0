import Domain
import FoundationEssentials
import Testing

@Suite struct `A rotation plan` {
    @Test func `makes a workspace's first key at once, and its standby in the next plan`() {
        let first = RotationPlan.of(facts([]))
        #expect(first.steps == [.make(activatesAt: now, haste: .first)])
        #expect(first.nextAt == now)
        #expect(first.next == .key)

        let keys = carriedOut(first, facts([]))
        let second = RotationPlan.of(facts(keys))
        let turn = now + 7_776_000
        #expect(
            second.steps == [
                .make(activatesAt: turn, haste: nil),
                .retire(kid: "made-0", at: turn, expiresAt: turn + 3660),
            ]
        )
        #expect(second.nextAt == now + RotationPlan.longestPause)
        #expect(second.next == .look)
    }

    @Test func `leaves a workspace at rest alone until the standby's turn`() {
        #expect(RotationPlan.of(facts(atRest())).steps == [])
        let eve = RotationPlan.of(facts(atRest(activates: 3600 - 7_776_000)))
        #expect(eve.steps == [])
        #expect(eve.nextAt == after(3600))
        #expect(eve.next == .rotation)
    }

    @Test func `stages the next standby when the last one has begun, and erases what stopped signing`() {
        let keys = atRest(activates: -7_776_000)
        let turn = after(7_776_000)
        let swap = RotationPlan.of(facts(keys))
        #expect(
            swap.steps == [
                .make(activatesAt: turn, haste: nil), .retire(kid: "two", at: turn, expiresAt: turn + 3660),
            ]
        )
        // Not before clocks that are behind have passed it too.
        #expect(swap.nextAt == after(60))
        #expect(swap.next == .erasure)
        let later = facts(carriedOut(swap, facts(keys)), at: after(60))
        #expect(RotationPlan.of(later).steps == [.erase(kid: "one")])
    }

    @Test func `rotates early by the workspace's jitter, and never before the standby's lead`() {
        let keys = [rotationKey("one", activates: -100)]
        let early = RotationFacts(keys: keys, jitter: 1000, now: now)
        #expect(RotationPlan.of(early).steps.first == .make(activatesAt: after(7_774_900), haste: nil))
        let overdue = [rotationKey("one", activates: -8_000_000)]
        #expect(RotationPlan.of(facts(overdue)).steps.first == .make(activatesAt: after(86_400), haste: nil))
    }

    @Test func `brings a rotation forward when the policy does, and never puts one off`() {
        let keys = atRest()
        let sooner = RotationPlan.of(facts(keys, policy: RotationPolicy(interval: 864_000)))
        let turn = after(-86_400 + 864_000)
        #expect(
            sooner.steps == [
                .activate(kid: "two", at: turn, haste: nil),
                .retire(kid: "one", at: turn, expiresAt: turn + 3660),
            ]
        )
        #expect(RotationPlan.of(facts(keys, policy: RotationPolicy(interval: 63_072_000))).steps == [])
    }

    @Test func `replaces the standby by one of the policy's kind, which signs after its lead`() {
        let plan = RotationPlan.of(facts(atRest(), policy: RotationPolicy(algorithm: .es256)))
        let turn = after(86_400)
        #expect(
            plan.steps == [
                .withdraw(kid: "two", at: now, expiresAt: after(3660)),
                .make(activatesAt: turn, haste: nil),
                .retire(kid: "one", at: turn, expiresAt: turn + 3660),
            ]
        )
        let larger = RotationPlan.of(facts(atRest(), policy: RotationPolicy(rsaBits: 4096)))
        #expect(larger.steps.first == .withdraw(kid: "two", at: now, expiresAt: after(3660)))
    }

    @Test func `withdraws a standby no sooner than it may activate`() {
        let keys = [
            rotationKey("one", activates: -100, retires: 7_000_000, expires: 7_003_660),
            rotationKey("two", published: -60, activates: 7_000_000),
        ]
        let plan = RotationPlan.of(facts(keys, policy: RotationPolicy(algorithm: .edDSA)))
        #expect(plan.steps.first == .withdraw(kid: "two", at: after(600), expiresAt: after(4260)))
    }

    @Test func `says the same when it is asked twice, and nothing once it is carried out`() {
        for policy in [RotationPolicy(), RotationPolicy(algorithm: .es256), RotationPolicy(interval: 86_401)]
        {
            for keys in [[], atRest(), atRest(activates: -9_000_000), [rotationKey(activates: -1)]] {
                var facts = facts(keys, policy: policy)
                #expect(RotationPlan.of(facts) == RotationPlan.of(facts))
                for _ in 0..<3 {
                    facts = RotationFacts(
                        keys: carriedOut(RotationPlan.of(facts), facts),
                        policy: policy,
                        now: now
                    )
                }
                #expect(RotationPlan.of(facts).steps == [])
            }
        }
    }
}

@Suite struct `A request to rotate` {
    @Test func `lets a standby that everybody has sign now`() {
        for wish in [KeyRequest.Wish.rotate, .rotateAtOnce] {
            let plan = RotationPlan.of(facts(atRest(), asked: wish))
            #expect(
                plan.steps == [
                    .activate(kid: "two", at: now, haste: nil), finished(),
                    .retire(kid: "one", at: now, expiresAt: after(3660)),
                ]
            )
            // The next standby is due, and what was asked did not wait for it.
            #expect(plan.nextAt == now)
        }
    }

    @Test func `waits until everybody has the standby, unless it is asked for at once`() {
        let keys = [
            rotationKey("one", activates: -100, retires: 7_000_000, expires: 7_003_660),
            rotationKey("two", published: -60, activates: 7_000_000),
        ]
        #expect(
            RotationPlan.of(facts(keys, asked: .rotate)).steps == [
                .activate(kid: "two", at: after(600), haste: nil), finished(),
                .retire(kid: "one", at: after(600), expiresAt: after(4260)),
            ]
        )
        #expect(
            RotationPlan.of(facts(keys, asked: .rotateAtOnce)).steps == [
                .activate(kid: "two", at: now, haste: .emergency), finished(),
                .retire(kid: "one", at: now, expiresAt: after(3660)),
            ]
        )
    }

    @Test func `makes a key when there is no standby, one that all will have or one that signs at once`() {
        let keys = [rotationKey("one", activates: -100)]
        #expect(
            RotationPlan.of(facts(keys, asked: .rotate)).steps == [
                .make(activatesAt: after(660), haste: nil), finished(),
                .retire(kid: "one", at: after(660), expiresAt: after(4320)),
            ]
        )
        #expect(
            RotationPlan.of(facts(keys, asked: .rotateAtOnce)).steps == [
                .make(activatesAt: now, haste: .emergency), finished(),
                .retire(kid: "one", at: now, expiresAt: after(3660)),
            ]
        )
    }

    @Test func `waits for the next plan when it needs a second new key`() {
        let plan = RotationPlan.of(
            facts([rotationKey("one", activates: -100)], asked: .rotateAtOnce, .rotateAtOnce)
        )
        #expect(plan.steps.filter { if case .make = $0 { true } else { false } }.count == 1)
        #expect(!plan.steps.contains(finished(1)))
        #expect(plan.nextAt == now)
    }
}

@Suite struct `A request to compromise a key` {
    @Test func `lets the standby sign at once when it is the signer, without making a key first`() {
        let plan = RotationPlan.of(facts(atRest(), asked: .compromise(kid: "one")))
        #expect(
            plan.steps == [
                .compromise(kid: "one"), .activate(kid: "two", at: now, haste: nil), finished(),
            ]
        )
        #expect(plan.nextAt == now)
    }

    @Test func `makes a key that signs at once when there is no standby`() {
        let plan = RotationPlan.of(facts([rotationKey("one", activates: -1)], asked: .compromise(kid: "one")))
        #expect(
            plan.steps == [
                .compromise(kid: "one"), .make(activatesAt: now, haste: .emergency), finished(),
            ]
        )
    }

    @Test func `marks a standby that signs before everybody has it`() {
        let keys = [
            rotationKey("one", activates: -100, retires: 7_000_000, expires: 7_003_660),
            rotationKey("two", published: -60, activates: 7_000_000),
        ]
        let plan = RotationPlan.of(facts(keys, asked: .compromise(kid: "one")))
        #expect(plan.steps.contains(.activate(kid: "two", at: now, haste: .emergency)))
    }

    @Test func `takes back the signer's end when it is the standby`() {
        let plan = RotationPlan.of(facts(atRest(), asked: .compromise(kid: "two")))
        #expect(
            plan.steps == [
                .compromise(kid: "two"), finished(), .retire(kid: "one", at: nil, expiresAt: nil),
            ]
        )
    }

    @Test func `changes nothing else when the key signs no more`() {
        let old = rotationKey("old", activates: -9_000_000, retires: -86_400, expires: 500_000)
        let plan = RotationPlan.of(facts([old] + atRest(), asked: .compromise(kid: "old")))
        #expect(plan.steps == [.compromise(kid: "old"), finished()])
    }

    @Test func `is answered without a change when there is no such key, or it is known`() {
        let known = rotationKey("known", activates: -900, compromised: -1, isErased: true)
        let keys = [known] + atRest()
        #expect(
            RotationPlan.of(facts(keys, asked: .compromise(kid: "nobody"))).steps == [
                finished(0, .unknownKey)
            ]
        )
        #expect(
            RotationPlan.of(facts(keys, asked: .compromise(kid: "known"))).steps == [
                finished(0, .alreadyCompromised)
            ]
        )
    }

    @Test func `of both keys leaves a workspace that signs with a new one`() {
        let start = facts(atRest(), asked: .compromise(kid: "one"), .compromise(kid: "two"))
        let keys = carriedOut(RotationPlan.of(start), start)
        #expect(keys.signer(at: now)?.kid == "made-2")
        #expect(keys.signer(at: now)?.haste == .emergency)
    }
}

@Suite struct `What a plan leaves behind` {
    /// Every plan over a grid of situations keeps the rules that the database enforces.
    @Test(arguments: [-8_000_000, -7_776_000, -86_400, -300, 0] as [TimeInterval])
    func `signs at every instant from now on with exactly one key, and breaks no token`(
        _ activates: TimeInterval
    ) {
        let policies = [
            RotationPolicy(), RotationPolicy(interval: 3600, lead: 660), RotationPolicy(algorithm: .edDSA),
        ]
        let wishes: [[KeyRequest.Wish]] = [
            [], [.rotate], [.rotateAtOnce], [.compromise(kid: "one")], [.compromise(kid: "two")],
            [.rotate, .compromise(kid: "one")], [.compromise(kid: "two"), .rotateAtOnce], [.rotate, .rotate],
        ]
        for policy in policies {
            for wishes in wishes {
                for keys in [[], [rotationKey("one", activates: activates)], atRest(activates: activates)] {
                    let requests = wishes.enumerated().map { number, wish in
                        KeyRequest(id: KeyRequest.ID(uuid(UInt8(number))), wish: wish)
                    }
                    let start = RotationFacts(keys: keys, policy: policy, requests: requests, now: now)
                    check(carriedOut(RotationPlan.of(start), start), from: keys)
                }
            }
        }
    }

    private func check(_ keys: [SigningKeyRecord], from before: [SigningKeyRecord]) {
        let chain = keys.filter { $0.willSign(from: now) }.sorted { $0.activatesAt < $1.activatesAt }
        #expect(chain.first.map { $0.activatesAt <= now } ?? false)
        for (key, next) in zip(chain, chain.dropFirst()) { #expect(key.retiresAt == next.activatesAt) }
        #expect(chain.last?.retiresAt == nil)
        for key in keys {
            let changed = before.first { $0.kid == key.kid }
            #expect(key.haste != nil || key.activatesAt >= key.publishedAt + 660)
            if let retiresAt = key.retiresAt, key.compromisedAt == nil, changed?.retiresAt != retiresAt {
                #expect(key.expiresAt.map { $0 >= retiresAt + 3660 } ?? false)
                #expect(retiresAt >= now)
            }
            if let changed, changed.activatesAt <= now { #expect(changed.activatesAt == key.activatesAt) }
        }
    }
}
