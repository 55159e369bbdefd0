import Domain
import FoundationEssentials
import Storage
import Tokens

/// Seals everything anew under the first master key: one secret after the other, each only in the place of what was
/// read, so that services and workers go on meanwhile and it may end anywhere.
struct Rewrapping {
    /// Workspaces between two lines of progress.
    private static let step = 100

    let keys: KeyStore
    let sealed: SealedStore
    let sealing: KeySealing

    /// Answers how many secrets are still sealed under another master key.
    func run(_ tell: (String) -> Void) async throws -> Int {
        let workspaces = try await keys.scheduled()
        var moved = 0
        var left = 0
        for (number, workspaceID) in workspaces.enumerated() {
            for secret in try await sealed.sealed(in: workspaceID) {
                switch try await rewrap(secret, in: workspaceID, tell) {
                case .same: break
                case .moved: moved += 1
                case .left: left += 1
                }
            }
            let done = number + 1
            if done.isMultiple(of: Self.step) || done == workspaces.count {
                tell("\(done) of \(workspaces.count) workspaces, \(moved) secrets moved")
            }
        }
        tell("\(moved) moved to \(sealing.currentKekID), \(left) left under other master keys")
        return left
    }

    private enum Outcome {
        case same
        case moved
        case left
    }

    private func rewrap(
        _ secret: SealedStore.Sealed,
        in workspaceID: Workspace.ID,
        _ tell: (String) -> Void
    ) async throws -> Outcome {
        let place = secret.place(in: workspaceID)
        do {
            guard try KeySealing.kekID(of: secret.bytes) != sealing.currentKekID else { return .same }
            let bytes = try sealing.rewrap(secret.bytes, for: place)
            if try await sealed.replace(secret, with: bytes, in: workspaceID) { return .moved }
        } catch let refusal as SealingRefusal {
            tell("\(workspaceID.reference): \(refusal)")
            return .left
        }
        // Erased meanwhile, or moved by somebody else.
        return .same
    }
}

extension SealedStore.Sealed {
    /// Where it is bound to.
    fileprivate func place(in workspaceID: Workspace.ID) -> SealedPlace {
        switch owner {
        case .signingKey(let kid, let algorithm):
            .signingKey(kid, algorithm: algorithm, workspaceID: workspaceID.reference)
        case .browserSecret(let id):
            .browserSecret(workspaceID: workspaceID.reference, id: id)
        }
    }
}
