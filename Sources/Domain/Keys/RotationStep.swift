package import FoundationEssentials

/// One thing the worker does to a workspace's keys; all steps of a plan are one transaction.
package enum RotationStep: Hashable, Sendable {
    /// A new key of the policy's kind, published now.
    case make(activatesAt: Date, haste: SigningKeyRecord.Haste?)
    /// A staged key signs from another instant.
    case activate(kid: String, at: Date, haste: SigningKeyRecord.Haste?)
    /// A staged key is never to sign; it stays published for a while, which harms nobody.
    case withdraw(kid: String, at: Date, expiresAt: Date)
    /// A key stops signing and later verifying; nil takes an end back that has not come.
    case retire(kid: String, at: Date?, expiresAt: Date?)
    /// A key is refused from now, and its private half is gone.
    case compromise(kid: String)
    /// The private half of a key that no longer signs is gone.
    case erase(kid: String)
    /// A request has its answer.
    case finish(KeyRequest.ID, KeyRequest.Outcome)

    /// The keys as they are once the step is done at `now`; a made key is what `making` answers.
    package func applied(
        to keys: [SigningKeyRecord],
        at now: Date,
        making: (_ activatesAt: Date, _ haste: SigningKeyRecord.Haste?) -> SigningKeyRecord
    ) -> [SigningKeyRecord] {
        switch self {
        case .make(let activatesAt, let haste):
            return keys + [making(activatesAt, haste)]
        case .activate(let kid, let instant, let haste):
            return keys.changing(kid) { key in
                key.activatesAt = instant
                key.haste = haste ?? key.haste
            }
        case .withdraw(let kid, let instant, let expiresAt):
            return keys.changing(kid) { key in
                key.activatesAt = instant
                key.retiresAt = instant
                key.expiresAt = expiresAt
            }
        case .retire(let kid, let instant, let expiresAt):
            return keys.changing(kid) { key in
                key.retiresAt = instant
                key.expiresAt = expiresAt
            }
        case .compromise(let kid):
            return keys.changing(kid) { key in
                key.compromisedAt = now
                key.sealedPrivateKey = nil
            }
        case .erase(let kid):
            return keys.changing(kid) { $0.sealedPrivateKey = nil }
        case .finish:
            return keys
        }
    }
}

extension [SigningKeyRecord] {
    fileprivate func changing(_ kid: String, _ change: (inout SigningKeyRecord) -> Void) -> Self {
        map { key in
            guard key.kid == kid else { return key }
            var key = key
            change(&key)
            return key
        }
    }
}
