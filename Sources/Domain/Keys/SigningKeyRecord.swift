package import FoundationEssentials

/// What a key of a workspace may do, as instants.
///
/// The state follows from the row and the clock, so a scheduled change happens on time with no process alive.
package struct SigningKeyRecord: Hashable, Sendable {
    /// What a key may do at one moment.
    package enum State: String, CaseIterable, Hashable, Sendable {
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

    /// Why a key may sign before relying parties can be sure to have it.
    package enum Haste: String, Hashable, Sendable {
        /// The workspace's very first key: nobody can have fetched its keys before there was one.
        case first
        /// Somebody asked for it at once, or nothing else could sign.
        case emergency
    }

    /// `<uuid>_<unix seconds of creation>`.
    package let kid: String
    /// What it signs with.
    package let algorithm: SigningAlgorithm
    /// The modulus length of an RSA key; none for the others.
    package let rsaBits: Int?
    /// The public half as SubjectPublicKeyInfo in DER (RFC 5280 section 4.1).
    package let publicKey: [UInt8]
    /// The sealed private half; none once it is erased.
    package var sealedPrivateKey: [UInt8]?
    /// From when relying parties can fetch it.
    package let publishedAt: Date
    /// From when it may sign.
    package var activatesAt: Date
    /// When it stops signing; none while no end is set.
    package var retiresAt: Date?
    /// When it stops verifying.
    package var expiresAt: Date?
    /// When it was found out; from then it is refused.
    package var compromisedAt: Date?
    /// Why it may sign early, if it may.
    package var haste: Haste?
    /// The longest life, in whole seconds, of any token it may have signed or may yet sign.
    package let longestToken: Int

    package init(
        kid: String,
        algorithm: SigningAlgorithm,
        rsaBits: Int? = nil,
        publicKey: [UInt8],
        sealedPrivateKey: [UInt8]?,
        publishedAt: Date,
        activatesAt: Date,
        retiresAt: Date? = nil,
        expiresAt: Date? = nil,
        compromisedAt: Date? = nil,
        haste: Haste? = nil,
        longestToken: Int = 0
    ) {
        self.kid = kid
        self.algorithm = algorithm
        self.rsaBits = rsaBits
        self.publicKey = publicKey
        self.sealedPrivateKey = sealedPrivateKey
        self.publishedAt = publishedAt
        self.activatesAt = activatesAt
        self.retiresAt = retiresAt
        self.expiresAt = expiresAt
        self.compromisedAt = compromisedAt
        self.haste = haste
        self.longestToken = longestToken
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

    /// Whether it signs now or later: it has a private half, a time to sign in, and nobody else has it.
    package func willSign(from now: Date) -> Bool {
        guard compromisedAt == nil, sealedPrivateKey != nil else { return false }
        guard let retiresAt else { return true }
        return retiresAt > now && retiresAt > activatesAt
    }
}

extension Collection<SigningKeyRecord> {
    /// The key that signs at `now`: of those active, the one that activated last.
    package func signer(at now: Date) -> SigningKeyRecord? {
        self.filter { $0.state(at: now) == .active && $0.sealedPrivateKey != nil }
            .max { $0.activatesAt < $1.activatesAt }
    }

    /// The key that a service signs with when its own clock says `now`.
    ///
    /// There always is a key that signs, so whoever sees none has a clock that is behind: the next has begun already.
    /// Clocks are five seconds apart at most.
    package func signer(atClock now: Date) -> SigningKeyRecord? {
        if let signer = signer(at: now) { return signer }
        guard let next = standby(at: now), next.activatesAt <= now + 5 else { return nil }
        return next
    }

    /// The key that takes over next: published, and not yet signing at `now`.
    package func standby(at now: Date) -> SigningKeyRecord? {
        self.filter { $0.state(at: now) == .staged && $0.willSign(from: now) }
            .min { $0.activatesAt < $1.activatesAt }
    }
}
