/// What came of opening something with the master keys there are.
package struct MasterKeyUse: Hashable, Sendable {
    /// Whether the secret can be had.
    package enum Outcome: Hashable, Sendable {
        /// It opens.
        case opens
        /// It was changed, or the master key of this name is another than the one it was sealed under.
        case doesNotOpen
        /// There is no master key of this name.
        case missing
    }

    /// The name of the master key, as the secret says it.
    package let kekID: String
    /// What came of it.
    package let outcome: Outcome

    /// Tries to open a secret; none when it does not even say what it is sealed under.
    ///
    /// Some microseconds.
    package init?(_ sealed: [UInt8], for place: SealedPlace, with sealing: KeySealing) {
        do {
            kekID = try KeySealing.kekID(of: sealed)
        } catch {
            return nil
        }
        do {
            _ = try sealing.open(sealed, for: place)
            outcome = .opens
        } catch .unknownMasterKey {
            outcome = .missing
        } catch {
            outcome = .doesNotOpen
        }
    }

    /// What is wrong with the master keys themselves, by name, if anything is.
    ///
    /// One secret that does not open is that secret's fault; a master key that opens nothing is the wrong one.
    package static func reason(_ uses: some Sequence<MasterKeyUse>) -> String? {
        let all = Set(uses)
        let failing = all.filter { $0.outcome != .opens }.sorted { $0.kekID < $1.kekID }
        for use in failing {
            if use.outcome == .missing { return "master key \(use.kekID) is not in MASTER_KEYS_FILE" }
            if !all.contains(where: { $0.kekID == use.kekID && $0.outcome == .opens }) {
                return "master key \(use.kekID) is not the one that secrets are sealed under"
            }
        }
        return nil
    }
}
