import Domain
import Storage
import Synchronization
import Tokens

/// Keeps the worker from sealing new keys under a master key that the others do not have, and says so.
final class MasterKeyWatch: Sendable {
    /// Why nothing is sealed for a workspace; names the master key.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private let seen = Mutex(Set<MasterKeyUse>())

    /// What is wrong with the master keys, as far as was seen since the start.
    var reason: String? {
        MasterKeyUse.reason(seen.withLock { $0 })
    }

    /// Throws when nothing of the workspace opens: a key that is sealed now would not open where it is to sign.
    ///
    /// A key that leaked is replaced whatever opens.
    func look(at facts: KeyFacts, with workshop: KeyWorkshop) throws(Refusal) {
        let uses = workshop.masterKeyUses(facts.rotation.keys, of: facts.workspaceID)
        seen.withLock { $0.formUnion(uses) }
        guard !uses.isEmpty, !uses.contains(where: { $0.outcome == .opens }) else { return }
        guard !facts.rotation.requests.contains(where: \.wish.isUrgent) else { return }
        throw Refusal(description: MasterKeyUse.reason(uses) ?? "no private half of the workspace opens")
    }
}
