import Domain
import Metrics

/// Counts exchanges by how they ended: allowed, or the rule that failed.
struct ExchangeMeters: Sendable {
    private let allowed = Counter(label: "exchanges_total", dimensions: [("outcome", "allowed")])
    private let refused: [ExchangeRule: Counter]

    init() {
        refused = Dictionary(
            uniqueKeysWithValues: ExchangeRule.allCases.map { rule in
                (rule, Counter(label: "exchanges_total", dimensions: [("outcome", rule.rawValue)]))
            }
        )
    }

    /// Counts one that ended at this rule, or was allowed.
    func count(_ failedRule: ExchangeRule?) {
        guard let failedRule else { return allowed.increment() }
        refused[failedRule]?.increment()
    }
}
