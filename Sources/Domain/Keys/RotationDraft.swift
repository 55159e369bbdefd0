import FoundationEssentials

/// A plan while it is made: the steps so far, and the keys as they will be after them.
struct RotationDraft {
    /// The name of the key that is to be made, which has none yet.
    private static let unmade = ""

    private let facts: RotationFacts
    private(set) var steps: [RotationStep] = []
    private var keys: [SigningKeyRecord]
    private var waiting = 0
    private var hasAnswered = false

    private var now: Date { facts.now }
    private var isMaking: Bool { keys.contains { $0.kid == Self.unmade } }

    init(_ facts: RotationFacts) {
        self.facts = facts
        keys = facts.keys
    }

    /// Does what a request asks; one that needs a second new key waits for the next plan.
    mutating func answer(_ request: KeyRequest) {
        let outcome: KeyRequest.Outcome?
        switch request.wish {
        case .compromise(let kid): outcome = compromise(kid)
        case .rotate: outcome = rotate(at: now + facts.windows.publication, atOnce: false)
        case .rotateAtOnce: outcome = rotate(at: now, atOnce: true)
        }
        guard let outcome else {
            waiting += 1
            return
        }
        hasAnswered = true
        steps.append(.finish(request.id, outcome))
    }

    private mutating func compromise(_ kid: String) -> KeyRequest.Outcome {
        guard let key = keys.first(where: { $0.kid == kid }) else { return .unknownKey }
        guard key.compromisedAt == nil else { return .alreadyCompromised }
        let signed = keys.signer(at: now)?.kid == kid
        take(.compromise(kid: kid))
        if signed { ensureSigner() }
        return .done
    }

    /// The standby signs as soon as it may; without one that fits, a key made now does, from `instant`.
    private mutating func rotate(at instant: Date, atOnce: Bool) -> KeyRequest.Outcome? {
        withdrawMisfits()
        if let standby = keys.standby(at: now), standby.kid != Self.unmade {
            let known = standby.publishedAt + facts.windows.publication
            activate(standby, at: atOnce ? now : max(now, known))
            return .done
        }
        // A key that began in this very plan would share its instant with the next.
        guard !isMaking, keys.signer(at: now)?.activatesAt != instant else { return nil }
        make(activatesAt: instant, haste: atOnce ? .emergency : nil)
        return .done
    }

    /// Somebody must sign now, whatever relying parties know: the standby, or else a key made now.
    mutating func ensureSigner() {
        guard keys.signer(at: now) == nil else { return }
        if let standby = keys.standby(at: now), standby.kid != Self.unmade {
            return activate(standby, at: now)
        }
        guard !isMaking else { return }
        make(activatesAt: now, haste: keys.isEmpty ? .first : .emergency)
    }

    /// There is always a next key, published well before it signs.
    mutating func ensureStandby() {
        withdrawMisfits()
        guard let signer = keys.signer(at: now) else { return }
        let lead = max(TimeInterval(facts.policy.lead), facts.windows.publication)
        let due =
            facts.policy.fits(signer)
            ? signer.activatesAt + TimeInterval(facts.policy.interval) - facts.jitter : now
        if let standby = keys.standby(at: now) {
            // Only ever earlier: a rotation that was asked for is not put off by the calendar.
            let wanted = max(due, standby.publishedAt + lead, now)
            // By a second at least: the database keeps microseconds, and a rounding is no change of plan.
            if standby.kid != Self.unmade, wanted < standby.activatesAt - 1 { activate(standby, at: wanted) }
        } else if !isMaking, !hasAnswered {
            // What was asked for does not wait until a key is made that nobody asked for.
            make(activatesAt: max(due, now + lead), haste: nil)
        }
    }

    /// Each key stops signing at the instant the next one begins, and the last one never.
    mutating func chain() {
        let order = keys.filter { $0.willSign(from: now) }.sorted { $0.activatesAt < $1.activatesAt }
        for (index, key) in order.enumerated() where key.kid != Self.unmade {
            let next = index + 1 < order.count ? max(order[index + 1].activatesAt, now) : nil
            let end = next.map { $0 + TimeInterval(key.longestToken) + facts.windows.margin }
            if key.retiresAt != next || !Self.isSame(key.expiresAt, end) {
                take(.retire(kid: key.kid, at: next, expiresAt: end))
            }
        }
    }

    /// What cannot sign any more, on any clock, has no private half.
    mutating func erase() {
        for key in keys where key.sealedPrivateKey != nil {
            let isOver = key.retiresAt.map { $0 + facts.windows.margin <= now } ?? false
            if isOver || key.compromisedAt != nil { take(.erase(kid: key.kid)) }
        }
    }

    /// When something is to be done again, and what.
    var next: (Date, RotationPlan.Next) {
        guard waiting == 0, let signer = keys.signer(at: now), let standby = keys.standby(at: now) else {
            return (now, .key)
        }
        let erasures = keys.filter { $0.sealedPrivateKey != nil && $0.kid != signer.kid }
            .compactMap { $0.retiresAt.map { $0 + facts.windows.margin } }
        let candidates: [(Date, RotationPlan.Next)] =
            [(standby.activatesAt, .rotation), (now + RotationPlan.longestPause, .look)]
            + erasures.map { ($0, .erasure) }
        return candidates.min { $0.0 < $1.0 } ?? (now, .look)
    }

    private static func isSame(_ one: Date?, _ other: Date?) -> Bool {
        guard let one, let other else { return one == other }
        return abs(one.timeIntervalSince(other)) < 0.001
    }

    /// A standby that the policy no longer asks for gives way; no token was ever signed with it.
    private mutating func withdrawMisfits() {
        for key in keys where key.state(at: now) == .staged && key.willSign(from: now) {
            guard key.kid != Self.unmade, !facts.policy.fits(key) else { continue }
            let instant = max(now, key.publishedAt + facts.windows.publication)
            let end = instant + TimeInterval(key.longestToken) + facts.windows.margin
            take(.withdraw(kid: key.kid, at: instant, expiresAt: end))
        }
    }

    private mutating func activate(_ key: SigningKeyRecord, at instant: Date) {
        let isKnown = instant >= key.publishedAt + facts.windows.publication
        guard key.activatesAt != instant else { return }
        take(.activate(kid: key.kid, at: instant, haste: isKnown ? nil : .emergency))
    }

    private mutating func make(activatesAt: Date, haste: SigningKeyRecord.Haste?) {
        take(.make(activatesAt: activatesAt, haste: haste))
    }

    private mutating func take(_ step: RotationStep) {
        steps.append(step)
        let policy = facts.policy
        let now = now
        keys = step.applied(to: keys, at: now) { activatesAt, haste in
            SigningKeyRecord(
                kid: Self.unmade,
                algorithm: policy.algorithm,
                rsaBits: policy.algorithm == .rs256 ? policy.rsaBits : nil,
                publicKey: [],
                sealedPrivateKey: [],
                publishedAt: now,
                activatesAt: activatesAt,
                haste: haste
            )
        }
    }
}
