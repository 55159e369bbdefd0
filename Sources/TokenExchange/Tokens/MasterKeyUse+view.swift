import Domain
import Tokens

extension MasterKeyUse {
    /// Tries everything of a workspace that is sealed.
    static func all(in snapshot: WorkspaceSnapshot, sealing: KeySealing) -> [MasterKeyUse] {
        let workspaceID = snapshot.workspace.id.reference
        let keys = snapshot.signingKeys.compactMap { key in
            key.sealedPrivateKey.flatMap { sealed in
                MasterKeyUse(
                    sealed,
                    for: .signingKey(key.kid, algorithm: key.algorithm, workspaceID: workspaceID),
                    with: sealing
                )
            }
        }
        let secret = snapshot.browserSecret.flatMap { secret in
            let place = SealedPlace.browserSecret(workspaceID: workspaceID, id: secret.id)
            return MasterKeyUse(secret.sealed, for: place, with: sealing)
        }
        return keys + (secret.map { [$0] } ?? [])
    }

    /// What is wrong with the master keys, as far as the view goes.
    static func reason(_ view: ServiceParts.View) -> String? {
        reason(view.epochs.keys.lazy.compactMap { view[$0]?.entry.masterKeyUses }.joined())
    }
}
