/// The control data of one workspace as it was at one epoch.
///
/// Immutable; a change makes a new one.
package struct WorkspaceSnapshot: Sendable {
    /// The epoch it is at least as new as.
    package let epoch: Int
    /// The workspace itself.
    package let workspace: Workspace
    /// Its apps.
    package let apps: [ConnectedApp.ID: ConnectedApp]
    /// Its SSO groups.
    package let groups: [SSOGroup.ID: SSOGroup]
    /// Its API keys that are not revoked.
    package let apiKeys: [APIKey.ID: APIKey]
    /// Its signing keys that are not gone, oldest activation first.
    package let signingKeys: [SigningKeyRecord]
    /// What cookies and CSRF tokens are keyed with; none until the worker has made it.
    package let browserSecret: StoredSecret?

    /// Puts together what was read at one instant; of two with one id the first counts.
    package init(
        epoch: Int,
        workspace: Workspace,
        apps: [ConnectedApp],
        groups: [SSOGroup],
        apiKeys: [APIKey],
        signingKeys: [SigningKeyRecord],
        browserSecret: StoredSecret?
    ) {
        self.epoch = epoch
        self.workspace = workspace
        self.apps = Dictionary(apps.map { ($0.id, $0) }) { first, _ in first }
        self.groups = Dictionary(groups.map { ($0.id, $0) }) { first, _ in first }
        self.apiKeys = Dictionary(apiKeys.map { ($0.id, $0) }) { first, _ in first }
        self.signingKeys = signingKeys
        self.browserSecret = browserSecret
        appsByClientID = Dictionary(apps.map { ($0.clientID, $0) }) { first, _ in first }
        appsByOrigin = Dictionary(apps.flatMap { app in app.origins.map { ($0, app) } }) { first, _ in first }
    }

    private let appsByClientID: [String: ConnectedApp]
    private let appsByOrigin: [String: ConnectedApp]

    /// The app of this id or client id.
    package func app(named name: String) -> ConnectedApp? {
        ConnectedApp.ID(text: name).flatMap { apps[$0] } ?? appsByClientID[name]
    }

    /// The app that the exact origin speaks for.
    package func app(ofOrigin origin: String) -> ConnectedApp? {
        appsByOrigin[origin]
    }
}

/// A secret of a workspace, sealed under the master key.
package struct StoredSecret: Hashable, Sendable {
    /// Which secret it is; part of what it is sealed with.
    package let id: String
    /// The sealed bytes.
    package let sealed: [UInt8]

    package init(id: String, sealed: [UInt8]) {
        self.id = id
        self.sealed = sealed
    }
}
