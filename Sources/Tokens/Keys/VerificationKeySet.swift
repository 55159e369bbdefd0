/// The keys that may have signed a workspace's tokens, and how the workspace calls itself.
///
/// There is no way from a kid to a key but through a workspace.
package struct VerificationKeySet: Sendable {
    /// The workspace's id, `ws_…`, as in `wid`.
    package let workspaceID: String
    /// The workspace's issuer, as in `iss`.
    package let issuer: String
    /// The keys in the order given.
    package let keys: [VerificationKey]

    /// Takes the published keys of one workspace; the same kid twice is refused.
    package init(workspaceID: String, issuer: String, keys: [VerificationKey]) throws(KeyRefusal) {
        // A kid is ASCII, where comparing strings is comparing bytes.
        guard Set(keys.map(\.kid)).count == keys.count else { throw .duplicateKid }
        self.workspaceID = workspaceID
        self.issuer = issuer
        self.keys = keys
    }

    /// The key whose name has exactly these bytes.
    ///
    /// Linear: a workspace publishes a handful.
    package func key(named kid: String) -> VerificationKey? {
        keys.first { equalBytes($0.kid, kid) }
    }
}
