/// Which apps share sign-in with which, before and after a change of SSO groups: what a preview is made of.
///
/// A session of one app is silent sign-in to another while the two share a group.
package struct SignInReach: Hashable, Sendable {
    /// A session's app, and an app that its user reaches from there without signing in again.
    package struct Way: Hashable, Sendable {
        /// Where the session is.
        package let from: ConnectedApp.ID
        /// Where it signs in silently.
        package let to: ConnectedApp.ID

        package init(from: ConnectedApp.ID, to: ConnectedApp.ID) {
            self.from = from
            self.to = to
        }
    }

    /// The ways that a change opens, by ids.
    package let gained: [Way]
    /// The ways that it closes, by ids.
    package let lost: [Way]

    /// What changes when `group` has the apps `after` instead of those it has; others are as `apps` says.
    ///
    /// Of the order of the apps that come or go, times those in the group before or after, times the groups of one.
    package init(
        of group: SSOGroup.ID,
        becoming after: Set<ConnectedApp.ID>,
        among apps: [ConnectedApp.ID: ConnectedApp]
    ) {
        let after = after.filter { apps[$0] != nil }
        let before = Set(apps.values.filter { $0.groups.contains(group) }.map(\.id))
        func shareElsewhere(_ one: ConnectedApp.ID, _ other: ConnectedApp.ID) -> Bool {
            guard let one = apps[one], let other = apps[other] else { return false }
            return !one.groups.subtracting([group]).isDisjoint(with: other.groups)
        }
        /// The ways both ways between those that are in the group on one side of the change only, and all there.
        func ways(_ there: Set<ConnectedApp.ID>, without others: Set<ConnectedApp.ID>) -> [Way] {
            let ways = there.subtracting(others).flatMap { one in
                there.filter { $0 != one && !shareElsewhere(one, $0) }
                    .flatMap { [Way(from: one, to: $0), Way(from: $0, to: one)] }
            }
            return Set(ways).sorted { ($0.from.raw, $0.to.raw) < ($1.from.raw, $1.to.raw) }
        }
        gained = ways(after, without: before)
        lost = ways(before, without: after)
    }
}
