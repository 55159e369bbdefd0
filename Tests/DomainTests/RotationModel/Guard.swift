import Domain

/// What the database refuses, by the names of its constraints, each as a function of the rows as they are in
/// the model.
enum Guard: String, CaseIterable, Hashable {
    case publishedBeforeUse = "signing_keys_published_before_use"
    case order = "signing_keys_order"
    case outliveTheirTokens = "signing_keys_outlive_their_tokens"
    case oneActivation = "signing_keys_one_activation"
    case oneFirst = "signing_keys_one_first"
    case first = "signing_keys_first"
    case publishedNow = "signing_keys_published_now"
    case publishedAsIs = "signing_keys_published_as_is"
    case pastActivation = "signing_keys_past_activation"
    case pastRetirement = "signing_keys_past_retirement"
    case pastExpiry = "signing_keys_past_expiry"
    case stayCompromised = "signing_keys_stay_compromised"
    case compromisedAtOnce = "signing_keys_compromised_at_once"
    case haste = "signing_keys_haste"
    case stayErased = "signing_keys_stay_erased"
    case longestToken = "signing_keys_longest_token"
    case erasedLate = "signing_keys_erased_late"
    case emergency = "signing_keys_emergency"
    case kept = "signing_keys_kept"
    case alwaysOne = "signing_keys_always_one"
    case oneAtATime = "signing_keys_one_at_a_time"
    /// Not a refusal: a raise of lifetimes raises the keys that may sign such tokens.
    case raisedWithTokens = "apps_longest_token"
    /// Not a refusal: a raise of lifetimes waits for the worker that is making a key, and the worker for the
    /// raise.
    case raisedAlone = "apps_longest_token, its lock"
    /// Not of the database: a service whose clock is behind signs with the key that has begun by all the
    /// other clocks.
    case clockBehind = "signer(atClock:)"
    /// Not of the database: a service hands out no empty key set.
    case noEmptySet = "no empty key set"

    /// The refusals that are asked of one row as it is written; the chain is asked of all of them at the
    /// commit.
    static let ofRows = allCases.filter { $0 != .alwaysOne && $0 != .oneAtATime }
}

/// One write to one row, and what surrounds it at the moment of the statement.
struct RowWrite {
    var old: ModelKey?
    var new: ModelKey?
    var table: [ModelKey]
    var requests: [ModelState.Request]
    var scale: Scale

    /// Whether the guard refuses it.
    func breaks(_ rule: Guard) -> Bool {
        guard let new else { return rule == .kept && isNeeded }
        return switch rule {
        case .publishedBeforeUse:
            new.haste == nil && new.activates < new.published + scale.publication
                && isWritten { [$0.published, $0.activates, $0.haste == nil ? 0 : 1] }
        case .order:
            new.published > new.activates && isWritten { [$0.published, $0.activates] }
                || new.activates > new.retires ?? .max && isWritten { [$0.activates, $0.retires] }
                || new.expires.map { $0 < new.retires ?? .max } ?? false
                    && isWritten { [$0.retires, $0.expires] }
        case .outliveTheirTokens:
            if let retires = new.retires, let expires = new.expires {
                expires < retires + new.longest + scale.margin
                    && isWritten { [$0.retires, $0.expires, $0.longest] }
            } else {
                false
            }
        case .oneActivation:
            claim(new) != nil && claim(new) != old.flatMap(claim)
                && others.contains { claim($0) == claim(new) }
        case .oneFirst: new.haste == .first && others.contains { $0.haste == .first }
        case .emergency:
            new.haste == .emergency && old?.haste == nil && !isAsked && others.contains(where: canSign)
        case .compromisedAtOnce: (new.compromised ?? 0) > 0
        case .first, .publishedNow: old == nil && breaksInserted(rule, new)
        default: old.map { breaksChanged(rule, $0, new) } ?? false
        }
    }

    private func breaksInserted(_ rule: Guard, _ new: ModelKey) -> Bool {
        switch rule {
        case .first: new.haste == .first && !table.isEmpty
        default: new.haste != .first && new.published < 0
        }
    }

    private func breaksChanged(_ rule: Guard, _ old: ModelKey, _ new: ModelKey) -> Bool {
        switch rule {
        case .publishedAsIs: old.published != new.published || old.id != new.id
        case .pastActivation: old.activates != new.activates && (old.activates <= 0 || new.activates < 0)
        case .pastRetirement: isPast(old.retires, new.retires)
        case .pastExpiry: isPast(old.expires, new.expires)
        case .stayCompromised: old.compromised != nil && old.compromised != new.compromised
        case .longestToken: new.longest < old.longest
        case .haste: old.haste != new.haste && (old.haste != nil || new.haste == .first)
        case .stayErased: !old.hasPrivateHalf && new.hasPrivateHalf
        case .erasedLate:
            old.hasPrivateHalf && !new.hasPrivateHalf && new.compromised == nil
                && (new.retires.map { $0 + scale.margin > 0 } ?? true)
        default: false
        }
    }

    private func isPast(_ old: Int?, _ new: Int?) -> Bool {
        old != new && ((old ?? 1) <= 0 || (new ?? 0) < 0)
    }

    /// Whether the write changes any of it.
    ///
    /// What a row was taken with it may keep, and instants that are long past are
    /// not told apart any more.
    private func isWritten(_ columns: (ModelKey) -> [Int?]) -> Bool {
        old.map(columns) != new.map(columns)
    }

    private var others: [ModelKey] { table.filter { $0.id != new?.id && $0.id != old?.id } }

    private var isAsked: Bool { requests.contains { $0.kind != .rotate } }

    private var isNeeded: Bool { old.map { $0.compromised != nil || ($0.expires ?? 1) > 0 } ?? false }

    /// The instant that is its own; one that was withdrawn before its turn, or compromised, has none.
    private func claim(_ key: ModelKey) -> Int? {
        key.compromised == nil && (key.retires ?? .max) > key.activates ? key.activates : nil
    }

    private func canSign(_ key: ModelKey) -> Bool {
        key.compromised == nil && key.hasPrivateHalf && key.activates <= 0 && (key.retires ?? 1) > 0
    }
}

extension Collection<ModelKey> {
    /// Which guard of the commit refuses these rows.
    func breaksChain() -> Guard? {
        let chain = filter(\.isInChain).sorted { $0.activates < $1.activates }
        guard let first = chain.first, first.activates <= 0 else { return .alwaysOne }
        for (index, key) in chain.enumerated() {
            let following = index + 1 < chain.count ? chain[index + 1].activates : nil
            if let retires = key.retires, retires < following ?? .max { return .alwaysOne }
        }
        for (key, next) in zip(chain, chain.dropFirst()) where (key.retires ?? .max) > next.activates {
            return .oneAtATime
        }
        return nil
    }
}
