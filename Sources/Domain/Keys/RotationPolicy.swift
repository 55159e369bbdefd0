package import FoundationEssentials

/// How often a workspace changes its key, and what for.
///
/// A change of algorithm or size is a rotation like any other.
package struct RotationPolicy: Hashable, Sendable {
    /// Why a policy was not taken.
    package enum Refusal: String, Error, Hashable, Sendable {
        /// The interval is out of range.
        case interval
        /// The lead is out of range, or not shorter than the interval.
        case lead
        /// The size is not 2048, 3072 or 4096.
        case rsaBits = "rsa_bits"
    }

    /// The seconds an interval may have: an hour to two years.
    package static let intervals = 3_600...63_072_000
    /// The seconds a lead may have: what publishing takes at least, to thirty days.
    package static let leads = 660...2_592_000
    /// The modulus lengths an RSA key may have.
    package static let sizes: Set<Int> = [2048, 3072, 4096]

    /// Seconds from one key's first signature to the next key's; 90 days unless set.
    package let interval: Int
    /// Seconds for which a scheduled key is published before it signs, at least; a day unless set.
    package let lead: Int
    /// What new keys sign with.
    package let algorithm: SigningAlgorithm
    /// The modulus length of new RSA keys.
    package let rsaBits: Int

    /// A policy that is already known to be right, such as one read from the database.
    package init(
        interval: Int = 7_776_000,
        lead: Int = 86_400,
        algorithm: SigningAlgorithm = .rs256,
        rsaBits: Int = 2048
    ) {
        self.interval = interval
        self.lead = lead
        self.algorithm = algorithm
        self.rsaBits = rsaBits
    }

    /// A policy somebody asks for; throws the first thing that is out of range.
    package static func checked(
        interval: Int,
        lead: Int,
        algorithm: SigningAlgorithm,
        rsaBits: Int
    ) throws(Refusal) -> RotationPolicy {
        guard intervals.contains(interval) else { throw .interval }
        guard leads.contains(lead), lead < interval else { throw .lead }
        guard sizes.contains(rsaBits) else { throw .rsaBits }
        return RotationPolicy(interval: interval, lead: lead, algorithm: algorithm, rsaBits: rsaBits)
    }

    /// Whether a key is of the kind the policy asks for.
    package func fits(_ key: SigningKeyRecord) -> Bool {
        guard key.algorithm == algorithm else { return false }
        return algorithm != .rs256 || key.rsaBits == nil || key.rsaBits == rsaBits
    }

    /// How many seconds early a workspace rotates, so that ten thousand made in one minute do not rotate in one.
    ///
    /// Always the same for one workspace and interval, and less than a tenth of the interval.
    package func jitter(of workspaceID: Workspace.ID) -> TimeInterval {
        // FNV-1a over the id's bytes, finished as SplitMix64 does: ids made together differ in few bits.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in workspaceID.hex.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        let share = Double((hash ^ (hash >> 31)) >> 11) / Double(1 << 53)
        return (share * Double(interval) / 10).rounded(.down)
    }
}

/// The times that keep a token from being broken: the database enforces the same.
package struct KeyWindows: Hashable, Sendable {
    /// Seconds from publication until every relying party that honours `max-age` has a key: 600 of `max-age`, and 60
    /// for views that are five seconds old and clocks that are apart.
    package let publication: TimeInterval
    /// Seconds for which a key outlives its last token: 30 of leeway, and what clocks and views are apart.
    package let margin: TimeInterval

    /// The windows that are in service, unless told otherwise.
    package init(publication: TimeInterval = 660, margin: TimeInterval = 60) {
        self.publication = publication
        self.margin = margin
    }
}
