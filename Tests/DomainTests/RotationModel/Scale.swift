import Domain
import FoundationEssentials

/// The times of the model, in steps of five seconds: how far clocks and views may be apart at most.
///
/// What is in service is longer (`max-age` is 120 steps), so that everything that can happen here is few
/// enough to be visited. The windows are made as in service, without the slack: what holds here holds there
/// all the more.
struct Scale: Hashable {
    /// Seconds of a step.
    static let step = 5

    /// How old a view may be before a service stops deciding.
    var lag = 1
    /// How far a service's or relying party's clock may be from the database's.
    var skew = 1
    /// For how long a relying party keeps the keys.
    var maxAge = 3
    /// How long past its end a relying party still takes a token.
    var leeway = 1
    /// How rarely a relying party fetches the keys for a name it does not know.
    var patience = 2
    /// A token's life, before and after somebody raises it.
    var life = 2
    var raisedLife = 4
    /// From one key's first signature to the next's.
    var interval = 8
    /// From publication to the first signature, and from a key's end to its last token's, at least.
    var publication: Int
    var margin: Int

    init() {
        publication = lag + skew + maxAge
        margin = lag + leeway + 3 * skew
    }

    var policyLead: Int { publication }

    var windows: KeyWindows {
        KeyWindows(publication: Self.seconds(publication), margin: Self.seconds(margin))
    }

    /// An instant so many steps from now; now is always the beginning of time.
    static func instant(_ steps: Int) -> Date {
        Date(timeIntervalSince1970: seconds(steps))
    }

    static func steps(_ instant: Date) -> Int {
        Int((instant.timeIntervalSince1970 / TimeInterval(step)).rounded())
    }

    private static func seconds(_ steps: Int) -> TimeInterval {
        TimeInterval(steps * step)
    }

    func policy(isOther: Bool) -> RotationPolicy {
        RotationPolicy(
            interval: interval * Self.step,
            lead: policyLead * Self.step,
            algorithm: isOther ? .es256 : .edDSA
        )
    }
}
