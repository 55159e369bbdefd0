import Domain
import Testing

/// What each guard is for: without it there is a way to break a token, and the model finds the shortest.
@Suite struct `Without its guard the model finds` {
    /// What it begins with.
    enum Beginning {
        /// A workspace that has no key yet.
        case nothing
        /// Its first key and a standby.
        case first
        /// A key and a standby, long after its first key.
        case old
    }

    /// What is taken away, what must come of it, and who is about and may do how much.
    struct Removal: Sendable {
        var rules: Set<Guard>
        var breach: Breach
        var company = RotationModel.Company.hostile
        var asks = 0
        var raises = 0
        var writes = 1
        var from = Beginning.first
    }

    static let removals = [
        Removal(rules: [.publishedBeforeUse], breach: .refusedToken),
        Removal(rules: [.publishedNow], breach: .refusedToken),
        Removal(rules: [.publishedAsIs], breach: .refusedToken),
        Removal(rules: [.first], breach: .refusedToken, from: .old),
        Removal(rules: [.first, .oneFirst], breach: .refusedToken),
        Removal(rules: [.haste], breach: .refusedToken, from: .old),
        Removal(rules: [.haste, .oneFirst], breach: .refusedToken),
        Removal(rules: [.emergency], breach: .refusedToken),
        Removal(rules: [.outliveTheirTokens], breach: .refusedToken),
        Removal(rules: [.longestToken], breach: .refusedToken, asks: 1),
        Removal(rules: [.kept], breach: .refusedToken),
        Removal(
            rules: [.raisedWithTokens],
            breach: .refusedToken,
            company: .nobody,
            asks: 1,
            raises: 1,
            writes: 0
        ),
        Removal(
            rules: [.raisedAlone],
            breach: .refusedToken,
            company: .nobody,
            asks: 1,
            raises: 1,
            writes: 0,
            from: .nothing
        ),
        Removal(rules: [.pastRetirement], breach: .refusedToken),
        Removal(rules: [.pastActivation], breach: .twoSigners),
        Removal(rules: [.oneAtATime], breach: .twoSigners),
        Removal(rules: [.oneActivation, .oneAtATime], breach: .sharedInstant),
        Removal(rules: [.alwaysOne], breach: .noSigner),
        Removal(rules: [.order], breach: .noSigner),
        Removal(rules: [.stayErased], breach: .restoredPrivateHalf),
        Removal(rules: [.erasedLate], breach: .lostPrivateHalf),
        Removal(
            rules: [.clockBehind],
            breach: .noSigner,
            company: .nobody,
            asks: 1,
            writes: 0,
            from: .nothing
        ),
        Removal(rules: [.noEmptySet], breach: .refusedToken, company: .nobody, writes: 0, from: .nothing),
        Removal(rules: [.stayCompromised], breach: .acceptedLeak, asks: 1),
    ]

    /// Those for which others stand in: as long as those stand, nothing is broken without these.
    ///
    /// The first two are for keys that are written at once, neither seeing the other: here one write follows
    /// another. The last two keep an end and a compromise what they were said to be, for whoever reads the
    /// log.
    static let doubled: [Guard] = [.oneFirst, .oneActivation, .pastExpiry, .compromisedAtOnce]

    @Test(arguments: removals)
    func `the shortest way to break a token`(_ removal: Removal) {
        let model = RotationModel(without: removal.rules, company: removal.company, seeking: removal.breach)
        let start =
            removal.from == .nothing
            ? model.start(asks: removal.asks, raises: removal.raises, workers: 1)
            : model.atRest(
                asks: removal.asks,
                raises: removal.raises,
                writes: removal.writes,
                isOld: removal.from == .old
            )
        let found = model.explore(from: start, limit: 50_000)
        #expect(found.breach == removal.breach)
        Tally.add(found, of: "without " + removal.rules.map(\.rawValue).sorted().joined(separator: " and "))
    }

    @Test(arguments: doubled)
    func `no way without one for which others stand in`(_ rule: Guard) {
        for isOld in [false, true] { holds(without: [rule], writes: 1, isOld: isOld) }
    }

    @Test func `no way without all of these, by two writes of any kind`() {
        holds(without: Set(Self.doubled), writes: 2, isOld: true)
    }

    @Test func `no way as long as all of them stand, by two writes of any kind`() {
        holds(without: [], writes: 2, isOld: false)
    }

    @Test func `no way by workers that do what they once decided, as long as all of them stand`() {
        let model = RotationModel(company: .careless)
        let found = model.explore(from: model.atRest(asks: 1, workers: 2, writes: 1))
        Tally.add(found, of: "with a careless worker")
        #expect(found.isComplete)
        #expect(found.breach == nil, "\(found.told)")
    }

    @Test func `something of every guard`() {
        let alone = Self.removals.filter { $0.rules.count == 1 }.reduce(into: Set()) {
            $0.formUnion($1.rules)
        }
        #expect(alone.isDisjoint(with: Self.doubled))
        #expect(alone.union(Self.doubled) == Set(Guard.allCases))
    }

    private func holds(without rules: Set<Guard>, writes: Int, isOld: Bool) {
        let model = RotationModel(without: rules, company: .hostile)
        let found = model.explore(from: model.atRest(writes: writes, isOld: isOld))
        let names = rules.map(\.rawValue).sorted().joined(separator: ", ")
        let without = rules.isEmpty ? "with every guard" : "without \(names)"
        Tally.add(
            found,
            of: "\(without), \(writes) writes of any kind to \(isOld ? "an old" : "a new") workspace"
        )
        #expect(found.isComplete)
        #expect(found.breach == nil, "\(found.told)")
    }
}
