package import FoundationEssentials

/// What is known of a workspace when its keys are looked at.
package struct RotationFacts: Hashable, Sendable {
    /// Its keys, all of them.
    package let keys: [SigningKeyRecord]
    /// How it rotates.
    package let policy: RotationPolicy
    /// How many seconds early it rotates; see ``RotationPolicy/jitter(of:)``.
    package let jitter: TimeInterval
    /// What was asked and not answered, oldest first.
    package let requests: [KeyRequest]
    /// The times that keep tokens whole.
    package let windows: KeyWindows
    /// The database's clock.
    package let now: Date

    package init(
        keys: [SigningKeyRecord],
        policy: RotationPolicy = RotationPolicy(),
        jitter: TimeInterval = 0,
        requests: [KeyRequest] = [],
        windows: KeyWindows = KeyWindows(),
        now: Date
    ) {
        self.keys = keys
        self.policy = policy
        self.jitter = jitter
        self.requests = requests
        self.windows = windows
        self.now = now
    }
}

/// What is to be done to a workspace's keys now, and when to look again.
///
/// The rule behind every step: the keys that will sign follow each other without gap or overlap, the last without an
/// end. Whoever dies between two plans leaves a workspace that signs on, and a change that was planned comes by itself.
package struct RotationPlan: Hashable, Sendable {
    /// What is next to happen to a workspace's keys.
    package enum Next: String, CaseIterable, Hashable, Sendable {
        /// A key is wanted now.
        case key
        /// The standby begins to sign.
        case rotation
        /// A private half is no longer needed.
        case erasure
        /// Nothing but the next look.
        case look
    }

    /// The steps in the order they are done, at most one of them a new key.
    package let steps: [RotationStep]
    /// When something is to be done again.
    package let nextAt: Date
    /// What that is.
    package let next: Next

    package init(steps: [RotationStep], nextAt: Date, next: Next) {
        self.steps = steps
        self.nextAt = nextAt
        self.next = next
    }

    /// Longest time between two looks at a workspace, in seconds.
    package static let longestPause: TimeInterval = 86_400

    /// Plans from the facts alone: the same facts give the same plan.
    ///
    /// A plan makes at most one key, so that whatever must happen at once waits for at most one; what is left over is
    /// due at once.
    package static func of(_ facts: RotationFacts) -> RotationPlan {
        var draft = RotationDraft(facts)
        // What must not sign goes first, and what then must sign comes before what somebody would like.
        for request in facts.requests where request.wish.isUrgent { draft.answer(request) }
        draft.ensureSigner()
        for request in facts.requests where !request.wish.isUrgent { draft.answer(request) }
        draft.ensureStandby()
        draft.chain()
        draft.erase()
        let (nextAt, next) = draft.next
        return RotationPlan(steps: draft.steps, nextAt: nextAt, next: next)
    }

    /// The steps alone, for whoever needs no more.
    package static func steps(
        keys: [SigningKeyRecord],
        policy: RotationPolicy,
        now: Date,
        requests: [KeyRequest] = [],
        windows: KeyWindows = KeyWindows()
    ) -> [RotationStep] {
        of(RotationFacts(keys: keys, policy: policy, requests: requests, windows: windows, now: now)).steps
    }
}
