/// All workspaces as one node knows them, at one moment.
///
/// Immutable; a change makes a new one.
///
/// `Entry` is what the service makes of a snapshot: the snapshot itself, or one with keys already parsed.
package struct ConfigurationView<Entry: Sendable>: Sendable {
    /// A workspace's snapshot with what was made of it.
    package struct Served: Sendable {
        /// The control data.
        package let snapshot: WorkspaceSnapshot
        /// What the service made of it.
        package let entry: Entry
    }

    /// How long a view may be decided on after it was last confirmed.
    package static var freshness: Duration { .seconds(5) }

    private var served: [Workspace.ID: Served] = [:]
    private var bySlug: [String: Workspace.ID] = [:]
    private var byHost: [String: Workspace.ID] = [:]
    private var byIssuer: [String: Workspace.ID] = [:]
    private var byAppName: [String: Workspace.ID] = [:]
    /// When the read that last confirmed it began, on the monotonic clock; none before the first.
    package private(set) var confirmedAt: ContinuousClock.Instant?

    /// A view that knows nothing and is not fresh.
    package init() {}

    /// Whether it may still be decided on, or was confirmed within another time.
    package func isFresh(
        at now: ContinuousClock.Instant,
        within patience: Duration = Self.freshness
    ) -> Bool {
        guard let confirmedAt else { return false }
        return now - confirmedAt < patience
    }

    /// Every workspace, by slug.
    ///
    /// Sorts them all: for pages that people read.
    package var directory: [(id: Workspace.ID, slug: String)] {
        bySlug.map { (id: $0.value, slug: $0.key) }.sorted { $0.slug < $1.slug }
    }

    /// The epoch of every workspace.
    package var epochs: [Workspace.ID: Int] {
        served.mapValues(\.snapshot.epoch)
    }

    /// The workspace of this id.
    package subscript(_ id: Workspace.ID) -> Served? {
        served[id]
    }

    /// The workspace of an id (`ws_…`) or a slug.
    package func workspace(named name: String) -> Served? {
        (Workspace.ID(reference: name) ?? bySlug[name]).flatMap { served[$0] }
    }

    /// The workspace whose own sign-in host this is, in lower case.
    package func workspace(ofHost host: String) -> Served? {
        byHost[host].flatMap { served[$0] }
    }

    /// The workspace of exactly this issuer.
    package func workspace(ofIssuer issuer: String) -> Served? {
        byIssuer[issuer].flatMap { served[$0] }
    }

    /// The workspace of an app that is named by a client id or a generated id (`app_…`), which are unique anywhere.
    package func workspace(ofApp name: String) -> Served? {
        byAppName[name].flatMap { served[$0] }
    }

    /// Confirms that everything is as the database had it when the read at `instant` began.
    package mutating func confirm(at instant: ContinuousClock.Instant) {
        confirmedAt = instant
    }

    /// Takes the newer state of a workspace; an older one than it has is dropped.
    package mutating func serve(_ snapshot: WorkspaceSnapshot, as entry: Entry) {
        let id = snapshot.workspace.id
        if let known = served[id], known.snapshot.epoch > snapshot.epoch { return }
        remove(id)
        served[id] = Served(snapshot: snapshot, entry: entry)
        bySlug[snapshot.workspace.slug] = id
        byIssuer[snapshot.workspace.issuer] = id
        if let host = snapshot.workspace.authHost { byHost[host] = id }
        for app in snapshot.apps.values {
            byAppName[app.clientID] = id
            if app.id.isGenerated { byAppName[app.id.raw] = id }
        }
    }

    /// Forgets a workspace that is gone.
    package mutating func remove(_ id: Workspace.ID) {
        guard let known = served.removeValue(forKey: id)?.snapshot else { return }
        // A name may have passed to another workspace meanwhile: only what still points here goes.
        func forget(_ name: String, in names: inout [String: Workspace.ID]) {
            if names[name] == id { names[name] = nil }
        }
        forget(known.workspace.slug, in: &bySlug)
        forget(known.workspace.issuer, in: &byIssuer)
        if let host = known.workspace.authHost { forget(host, in: &byHost) }
        for app in known.apps.values {
            forget(app.clientID, in: &byAppName)
            forget(app.id.raw, in: &byAppName)
        }
    }
}

extension Identifier<ConnectedApp, String> {
    /// Whether we made the id, so that it names one app over all workspaces.
    package var isGenerated: Bool {
        raw.utf8.starts(with: "app_".utf8)
    }

    /// Whether an owner may choose it: what we generate, and client ids, are ours to give.
    package var mayBeChosen: Bool {
        !isGenerated && !raw.utf8.starts(with: "scli_".utf8)
    }
}
