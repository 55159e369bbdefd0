import Domain
import FoundationEssentials

/// A key whose instants are seconds from ``now``; published ten days before it activates unless told otherwise.
func rotationKey(
    _ kid: String = "key",
    algorithm: SigningAlgorithm = .rs256,
    bits: Int? = 2048,
    published: TimeInterval? = nil,
    activates: TimeInterval,
    retires: TimeInterval? = nil,
    expires: TimeInterval? = nil,
    compromised: TimeInterval? = nil,
    isErased: Bool = false,
    longest: Int = 3600
) -> SigningKeyRecord {
    SigningKeyRecord(
        kid: kid,
        algorithm: algorithm,
        rsaBits: bits,
        publicKey: [],
        sealedPrivateKey: isErased ? nil : [],
        publishedAt: after(published ?? activates - 864_000),
        activatesAt: after(activates),
        retiresAt: retires.map(after),
        expiresAt: expires.map(after),
        compromisedAt: compromised.map(after),
        longestToken: longest
    )
}

/// The two keys of a workspace at rest: one signs since a day, the next takes over in 89 days.
func atRest(activates: TimeInterval = -86_400) -> [SigningKeyRecord] {
    let turn = activates + 7_776_000
    return [
        rotationKey("one", activates: activates, retires: turn, expires: turn + 3660),
        rotationKey("two", published: activates, activates: turn),
    ]
}

func facts(
    _ keys: [SigningKeyRecord],
    policy: RotationPolicy = RotationPolicy(),
    asked: KeyRequest.Wish...,
    at instant: Date = now
) -> RotationFacts {
    let requests = asked.enumerated().map { number, wish in
        KeyRequest(id: KeyRequest.ID(uuid(UInt8(number))), wish: wish)
    }
    return RotationFacts(keys: keys, policy: policy, requests: requests, now: instant)
}

func finished(_ number: UInt8 = 0, _ outcome: KeyRequest.Outcome = .done) -> RotationStep {
    .finish(KeyRequest.ID(uuid(number)), outcome)
}

/// The keys after a plan is carried out; a made key is named after how many there were.
func carriedOut(_ plan: RotationPlan, _ facts: RotationFacts) -> [SigningKeyRecord] {
    plan.steps.reduce(facts.keys) { keys, step in
        step.applied(to: keys, at: facts.now) { activatesAt, haste in
            SigningKeyRecord(
                kid: "made-\(keys.count)",
                algorithm: facts.policy.algorithm,
                rsaBits: facts.policy.rsaBits,
                publicKey: [],
                sealedPrivateKey: [],
                publishedAt: facts.now,
                activatesAt: activatesAt,
                haste: haste,
                longestToken: 3600
            )
        }
    }
}
