import Domain
import FoundationEssentials

/// The database of the model: takes the real worker's steps one statement after the other, unless a guard
/// refuses.
struct Database {
    let scale: Scale
    /// The guards that are in force.
    let guards: Set<Guard>
    /// Those of them that are asked of one row as it is written.
    private let ofRows: [Guard]

    init(scale: Scale, guards: Set<Guard>) {
        self.scale = scale
        self.guards = guards
        ofRows = Guard.ofRows.filter(guards.contains)
    }

    enum Answer: Hashable {
        case taken([ModelKey])
        case refused(Guard)
    }

    /// The rows after a plan, carried out `age` steps after it was made.
    func carryOut(_ plan: RotationPlan, of state: ModelState, age: Int = 0) -> Answer {
        var table = state.keys
        for step in plan.steps {
            let records = table.map { Self.shifted($0.record, by: age) }
            let changed = step.applied(to: records, at: Scale.instant(age)) { activatesAt, haste in
                var key = Self.made(in: state)
                key.activates = Scale.steps(activatesAt)
                key.haste = haste
                return key.record
            }
            for (index, record) in changed.enumerated() {
                let after = Self.shifted(record, by: -age)
                let old = index < table.count ? table[index] : nil
                let new = (old ?? Self.made(in: state)).taking(after)
                guard new != old else { continue }
                if let rule = write(old, new, to: &table, of: state) { return .refused(rule) }
            }
        }
        return committed(table, from: state.keys)
    }

    /// Writes one row, as it is; answers the guard that refuses it.
    func write(_ old: ModelKey?, _ new: ModelKey?, to table: inout [ModelKey], of state: ModelState) -> Guard?
    {
        let write = RowWrite(old: old, new: new, table: table, requests: state.requests, scale: scale)
        if let rule = ofRows.first(where: write.breaks) { return rule }
        var new = new
        if new?.compromised != nil { new?.leaked = true }
        if let key = new, key.haste == .emergency, old?.haste == nil {
            new?.isExcused = Self.isExcused(key, table, state)
        }
        if let old, let index = table.firstIndex(where: { $0.id == old.id }) {
            if let new { table[index] = new } else { table.remove(at: index) }
        } else if let new {
            table.append(new)
        }
        return nil
    }

    /// What the commit says to rows that are written.
    func committed(_ table: [ModelKey], from before: [ModelKey]) -> Answer {
        if table.map(\.chainPart) != before.map(\.chainPart), let rule = table.breaksChain(),
            guards.contains(rule)
        {
            return .refused(rule)
        }
        return .taken(table)
    }

    /// The rows once tokens live longer; only those of `seen` are known to whoever raises them.
    func raised(_ keys: [ModelKey], to life: Int, seen: Int) -> [ModelKey] {
        guard guards.contains(.raisedWithTokens) else { return keys }
        return keys.map { key in
            guard seen & (1 << key.id) != 0, key.longest < life, key.compromised == nil else { return key }
            guard key.retires.map({ $0 + scale.margin > 0 }) ?? true else { return key }
            var key = key
            key.longest = life
            if let retires = key.retires {
                key.expires = max(key.expires ?? .min, retires + life + scale.margin)
            }
            return key
        }
    }

    /// Whether relying parties may have to fetch it for its name: somebody asked for that, or nothing else
    /// could sign.
    private static func isExcused(_ key: ModelKey, _ table: [ModelKey], _ state: ModelState) -> Bool {
        state.requests.contains { $0.kind != .rotate }
            || !table.contains { $0.id != key.id && $0.isActive(at: 0) && $0.hasPrivateHalf }
    }

    /// A key that is published now.
    private static func made(in state: ModelState) -> ModelKey {
        ModelKey(id: state.freeID, isOther: state.isOther, published: 0, activates: 0, longest: state.life)
    }

    /// The record as it was, or will be: a plan that was made earlier has its instants from then.
    private static func shifted(_ record: SigningKeyRecord, by steps: Int) -> SigningKeyRecord {
        guard steps != 0 else { return record }
        let seconds = Double(steps * Scale.step)
        return SigningKeyRecord(
            kid: record.kid,
            algorithm: record.algorithm,
            publicKey: [],
            sealedPrivateKey: record.sealedPrivateKey,
            publishedAt: record.publishedAt + seconds,
            activatesAt: record.activatesAt + seconds,
            retiresAt: record.retiresAt.map { $0 + seconds },
            expiresAt: record.expiresAt.map { $0 + seconds },
            compromisedAt: record.compromisedAt.map { $0 + seconds },
            haste: record.haste,
            longestToken: record.longestToken
        )
    }
}

extension ModelKey {
    /// What the trigger that asks for the chain looks at.
    fileprivate var chainPart: [Int] {
        [id, activates, retires ?? .max, compromised == nil ? 0 : 1, hasPrivateHalf ? 1 : 0]
    }
}
