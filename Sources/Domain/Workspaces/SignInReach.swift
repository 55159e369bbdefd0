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
    /// Of the order of the apps in the group before and after, squared, times the groups of one.
    package init(
        of group: SSOGroup.ID,
        becoming after: Set<ConnectedApp.ID>,
        among apps: [ConnectedApp.ID: ConnectedApp]
    ) {
        let before = Set(apps.values.filter { $0.groups.contains(group) }.map(\.id))
        let touched = before.union(after).filter { apps[$0] != nil }
        var gained: [Way] = []
        var lost: [Way] = []
        for from in touched {
            for to in touched where to != from {
                let shareElsewhere =
                    apps[from].map { one in
                        apps[to].map { !one.groups.subtracting([group]).isDisjoint(with: $0.groups) } ?? false
                    } ?? false
                guard !shareElsewhere else { continue }
                let was = before.contains(from) && before.contains(to)
                let becomes = after.contains(from) && after.contains(to)
                if becomes, !was { gained.append(Way(from: from, to: to)) }
                if was, !becomes { lost.append(Way(from: from, to: to)) }
            }
        }
        let order: (Way, Way) -> Bool = { ($0.from.raw, $0.to.raw) < ($1.from.raw, $1.to.raw) }
        self.gained = gained.sorted(by: order)
        self.lost = lost.sorted(by: order)
    }
}
