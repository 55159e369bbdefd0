package import FoundationEssentials

/// What a key of a workspace may do, as instants.
///
/// The state follows from the row and the clock, so a scheduled change happens on time with no process alive.
package struct SigningKeyRecord: Hashable, Sendable {
    /// What a key may do at one moment.
    package enum State: String, Hashable, Sendable {
        /// Published for relying parties to fetch; does not sign yet.
        case staged
        /// May sign; the newest active key does.
        case active
        /// Verifies only.
        case retiring
        /// Gone.
        case retired
        /// Refused everywhere, at once.
        case compromised
    }

    /// `<uuid>_<unix seconds of creation>`.
    package let kid: String
    /// What it signs with.
    package let algorithm: SigningAlgorithm
    /// The public half as SubjectPublicKeyInfo in DER (RFC 5280 section 4.1).
    package let publicKey: [UInt8]
    /// The sealed private half; none once it is erased.
    package let sealedPrivateKey: [UInt8]?
    /// From when relying parties can fetch it.
    package let publishedAt: Date
    /// From when it may sign.
    package let activatesAt: Date
    /// When it stops signing; none while no end is set.
    package let retiresAt: Date?
    /// When it stops verifying.
    package let expiresAt: Date?
    /// When it was found out; from then it is refused.
    package let compromisedAt: Date?

    package init(
        kid: String,
        algorithm: SigningAlgorithm,
        publicKey: [UInt8],
        sealedPrivateKey: [UInt8]?,
        publishedAt: Date,
        activatesAt: Date,
        retiresAt: Date? = nil,
        expiresAt: Date? = nil,
        compromisedAt: Date? = nil
    ) {
        self.kid = kid
        self.algorithm = algorithm
        self.publicKey = publicKey
        self.sealedPrivateKey = sealedPrivateKey
        self.publishedAt = publishedAt
        self.activatesAt = activatesAt
        self.retiresAt = retiresAt
        self.expiresAt = expiresAt
        self.compromisedAt = compromisedAt
    }

    /// The key's state at `now`.
    package func state(at now: Date) -> State {
        if compromisedAt != nil { return .compromised }
        if let expiresAt, now >= expiresAt { return .retired }
        if let retiresAt, now >= retiresAt { return .retiring }
        return now >= activatesAt ? .active : .staged
    }

    /// Whether tokens it signed are accepted at `now`.
    package func verifies(at now: Date) -> Bool {
        switch state(at: now) {
        case .staged, .active, .retiring: true
        case .retired, .compromised: false
        }
    }
}

extension Collection<SigningKeyRecord> {
    /// The key that signs at `now`: of those active, the one that activated last.
    package func signer(at now: Date) -> SigningKeyRecord? {
        self.filter { $0.state(at: now) == .active && $0.sealedPrivateKey != nil }
            .max { $0.activatesAt < $1.activatesAt }
    }
}
