import Domain
import FoundationEssentials
import Testing

/// Every order in which people, workers, services, clocks and time can come, to the end.
@Suite struct `Of every way that keys may change` {
    /// What people may do at any moment, and how many workers see to it.
    struct Scope: Sendable {
        var asks = 0
        var policyChanges = 0
        var raises = 0
        var workers = 1
    }

    @Test(
        arguments: [
            Scope(workers: 2), Scope(asks: 2, workers: 2), Scope(asks: 1, policyChanges: 1),
            Scope(asks: 1, raises: 1), Scope(policyChanges: 1, raises: 1, workers: 2),
        ]
    )
    func `none breaks a token, from a workspace's first key on`(_ scope: Scope) {
        let model = RotationModel()
        let found = model.explore(
            from: model.start(
                asks: scope.asks,
                policyChanges: scope.policyChanges,
                raises: scope.raises,
                workers: scope.workers
            )
        )
        Tally.add(found, of: "\(scope)")
        #expect(found.isComplete)
        #expect(found.breach == nil, "\(found.told)")
    }

    @Test(arguments: [(1, 0), (0, 1)])
    func `some break one when a window is a step shorter`(_ publication: Int, _ margin: Int) {
        var scale = Scale()
        scale.publication -= publication
        scale.margin -= margin
        let model = RotationModel(scale: scale)
        let found = model.explore(from: model.start(asks: 1, workers: 1))
        #expect(found.breach == .refusedToken)
        Tally.add(found, of: "publication \(publication) and margin \(margin) steps shorter")
    }

    /// What the model's windows are made of, in the seconds of the service.
    @Test func `those in service leave more room than the model needs`() {
        let (maxAge, lag, skew, leeway) = (600.0, 5.0, 5.0, 30.0)
        #expect(KeyWindows().publication >= maxAge + lag + skew)
        #expect(KeyWindows().margin >= leeway + lag + 3 * skew)
    }
}
