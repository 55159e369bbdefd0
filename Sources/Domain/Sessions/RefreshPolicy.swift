package import FoundationEssentials

/// What is known when a refresh token is shown, after the attempt to rotate it.
package struct RefreshFacts: Hashable, Sendable {
    /// The session, its user and its membership, as they were just before the attempt.
    package let access: AccessFacts
    /// The generation the token carries.
    package let presented: Int
    /// The current generation, when the conditional statement took the token.
    package let taken: Int?

    package init(access: AccessFacts, presented: Int, taken: Int?) {
        self.access = access
        self.presented = presented
        self.taken = taken
    }
}

/// What becomes of a refresh token that was shown.
///
/// The token of the current generation moves the session to the next one. The one before it is answered with the
/// current pair for 30 seconds, since a client whose answer was lost asks again. Anything older was used twice: two
/// parties hold it, so the whole tree of sessions ends.
package enum RefreshPolicy {
    /// How long, in seconds, the previous token is answered after its successor was made.
    package static let grace: TimeInterval = 30

    /// What to do.
    package enum Outcome: Hashable, Sendable {
        /// Answer a pair of this generation.
        case renewed(Session, generation: Int)
        /// The token was used before: end the tree and refuse.
        case reused(Session)
        /// Refuse; there is nothing to end.
        case refused
        /// The session changed between the look and the attempt: look again.
        case overtaken
    }

    /// Decides from facts alone.
    package static func decide(_ facts: RefreshFacts, at now: Date) -> Outcome {
        guard let session = facts.access.session else { return .refused }
        if let taken = facts.taken { return .renewed(session, generation: taken) }
        guard AccessPolicy.admit(facts.access, at: now) != nil else { return .refused }
        return accepts(session, presented: facts.presented, at: now)
            ? .overtaken : verdictOnStale(session, facts)
    }

    /// Whether a live session takes a token of the `presented` generation: it is the current one, or the one before
    /// it within the grace.
    package static func accepts(_ session: Session, presented: Int, at now: Date) -> Bool {
        if presented == session.generation { return true }
        guard presented == session.generation - 1, let rotatedAt = session.rotatedAt else { return false }
        return now < rotatedAt.addingTimeInterval(grace)
    }

    private static func verdictOnStale(_ session: Session, _ facts: RefreshFacts) -> Outcome {
        // A generation that was never handed out is not reuse; the signature says it is ours, so it is a bug or a
        // database that was set back. Refused, and nobody's session ends for it.
        facts.presented < session.generation ? .reused(session) : .refused
    }
}
