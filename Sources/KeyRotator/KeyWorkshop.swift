import Domain
import FoundationEssentials
import Storage
import Tokens

/// Makes keys and secrets, proves them and seals them, all outside of any transaction.
struct KeyWorkshop: Sendable {
    let sealing: KeySealing

    /// A fresh key of the policy's kind: it signed and verified, and its sealed form opens.
    ///
    /// RSA takes 50 ms to seconds of CPU on the calling thread.
    func makeKey(
        for workspaceID: Workspace.ID,
        policy: RotationPolicy
    ) throws -> KeyStore.PreparedKey {
        let generated = try GeneratedKey.generate(policy.algorithm, bits: policy.rsaBits)
        let kid = "\(UUID().uuidString.asciiLowercased)_\(Int64(Date().timeIntervalSince1970))"
        let place = SealedPlace.signingKey(
            kid,
            algorithm: policy.algorithm,
            workspaceID: workspaceID.reference
        )
        let sealed = try sealing.seal(generated.pkcs8, for: place)
        // What is stored is what is proved: a key that does not open would stop the workspace when its turn comes.
        let opened = try sealing.open(sealed, for: place)
        try SigningKey(kid: kid, algorithm: policy.algorithm, pkcs8: opened).selfTest()
        return KeyStore.PreparedKey(
            kid: kid,
            algorithm: policy.algorithm,
            rsaBits: policy.algorithm == .rs256 ? policy.rsaBits : nil,
            publicKey: generated.spki,
            sealedPrivateKey: sealed
        )
    }

    /// What the master keys make of a workspace's private halves.
    func masterKeyUses(_ keys: [SigningKeyRecord], of workspaceID: Workspace.ID) -> [MasterKeyUse] {
        keys.compactMap { key in
            key.sealedPrivateKey.flatMap { sealed in
                let place = SealedPlace.signingKey(
                    key.kid,
                    algorithm: key.algorithm,
                    workspaceID: workspaceID.reference
                )
                return MasterKeyUse(sealed, for: place, with: sealing)
            }
        }
    }

    /// A fresh secret for cookies and CSRF tokens.
    func makeSecret(for workspaceID: Workspace.ID) throws -> StoredSecret {
        let id = UUID().uuidString.asciiLowercased
        let place = SealedPlace.browserSecret(workspaceID: workspaceID.reference, id: id)
        return StoredSecret(id: id, sealed: try sealing.seal(SecureRandom.bytes(32), for: place))
    }
}
