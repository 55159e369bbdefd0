package import FoundationEssentials

/// What an operator asks of the worker, which alone makes keys.
package struct KeyRequest: Hashable, Sendable {
    /// The identity of a request.
    package typealias ID = Identifier<KeyRequest, UUID>

    /// What is asked.
    package enum Wish: Hashable, Sendable {
        /// The next key signs as soon as every relying party that honours `max-age` has it.
        case rotate
        /// The next key signs at once, whoever may not have it yet.
        case rotateAtOnce
        /// The key is refused everywhere from now, and another signs.
        case compromise(kid: String)

        /// Whether it comes before all else.
        package var isUrgent: Bool {
            if case .compromise = self { true } else { false }
        }
    }

    /// What becomes of the sessions under a compromised key.
    package enum Sessions: String, Hashable, Sendable {
        /// They go on; their tokens are issued again at the next refresh.
        case keep
        /// They end.
        case revoke
    }

    /// What came of it.
    package enum Outcome: String, Hashable, Sendable {
        /// It is done.
        case done
        /// The workspace has no such key.
        case unknownKey = "unknown_key"
        /// The key was compromised before.
        case alreadyCompromised = "already_compromised"
    }

    /// The identity.
    package let id: ID
    /// What is asked.
    package let wish: Wish
    /// What becomes of sessions, when a key is compromised.
    package let sessions: Sessions

    package init(id: ID, wish: Wish, sessions: Sessions = .keep) {
        self.id = id
        self.wish = wish
        self.sessions = sessions
    }
}
