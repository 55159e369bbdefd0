import Domain
import FoundationEssentials

/// What a service makes of a view, by the product's own functions, at each of the clocks it may have.
struct ViewFacts {
    struct AtClock {
        var clock: Int
        var signer: Int?
        /// The keys it publishes, as bits.
        var published: Int
    }

    let atClocks: [AtClock]
    /// What is wrong with the view whatever else is.
    let breach: Breach?

    init(_ keys: [ModelKey], scale: Scale, guards: Set<Guard>) {
        let isHelped = guards.contains(.clockBehind)
        let records = keys.map(\.record)
        var breach: Breach?
        atClocks = (-scale.skew...scale.skew).map { clock in
            let instant = Scale.instant(clock)
            let signing =
                isHelped ? records.signer(atClock: instant) : records.signer(at: instant)
            let signer = signing.flatMap { record in
                keys.first { String($0.id) == record.kid }
            }
            var published = 0
            for (key, record) in zip(keys, records) where record.verifies(at: instant) {
                published |= 1 << key.id
            }
            breach = breach ?? Self.breach(keys, published, signer, at: clock)
            return AtClock(clock: clock, signer: signer?.id, published: published)
        }
        self.breach = breach
    }

    private static func breach(
        _ keys: [ModelKey],
        _ published: Int,
        _ signer: ModelKey?,
        at clock: Int
    ) -> Breach? {
        if keys.isEmpty { return nil }
        if keys.contains(where: { $0.leaked && (published & (1 << $0.id) != 0 || signer?.id == $0.id) }) {
            return .acceptedLeak
        }
        let active = keys.filter { $0.isActive(at: clock) }
        if active.contains(where: { !$0.hasPrivateHalf }) { return .lostPrivateHalf }
        if signer == nil { return .noSigner }
        if Set(active.map(\.activates)).count < active.count { return .sharedInstant }
        return active.count > 1 ? .twoSigners : nil
    }
}
