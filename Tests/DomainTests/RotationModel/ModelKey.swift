import Domain
import FoundationEssentials

/// A row of `signing_keys`, its instants in steps from now.
struct ModelKey: Hashable {
    /// Its name and its public half: with another half it is another key.
    var id: Int
    /// Whether it is of the algorithm that the policy may change to.
    var isOther: Bool
    var published: Int
    var activates: Int
    var retires: Int?
    var expires: Int?
    var compromised: Int?
    var hasPrivateHalf = true
    var haste: SigningKeyRecord.Haste?
    var longest: Int
    /// Not in the row: somebody else has it, whatever the row says by now.
    var leaked = false
    /// Not in the row: it was needed before relying parties could have it, so that they may have to fetch it.
    var isExcused = false
}

extension ModelKey {
    /// The whole of it in one number: nothing else is compared as often.
    private var code: Int {
        var code = id << 7 | (published + 64)
        code = code << 7 | (activates + 64)
        code = code << 7 | ((retires ?? 63) + 64)
        code = code << 7 | ((expires ?? 63) + 64)
        code = code << 7 | ((compromised ?? 63) + 64)
        code = code << 3 | longest
        code = code << 2 | (haste == nil ? 0 : haste == .first ? 1 : 2)
        return code << 4 | (isOther ? 8 : 0) | (hasPrivateHalf ? 4 : 0) | (leaked ? 2 : 0)
            | (isExcused ? 1 : 0)
    }

    /// Its place among others: by its beginning, and then by anything.
    var place: Int { ((activates + 64) << 7 | (published + 64)) << 7 | id }

    static func == (one: ModelKey, other: ModelKey) -> Bool { one.code == other.code }

    func hash(into hasher: inout Hasher) { hasher.combine(code) }

    var record: SigningKeyRecord {
        SigningKeyRecord(
            kid: String(id),
            algorithm: isOther ? .es256 : .edDSA,
            publicKey: [],
            sealedPrivateKey: hasPrivateHalf ? [] : nil,
            publishedAt: Scale.instant(published),
            activatesAt: Scale.instant(activates),
            retiresAt: retires.map(Scale.instant),
            expiresAt: expires.map(Scale.instant),
            compromisedAt: compromised.map(Scale.instant),
            haste: haste,
            longestToken: longest * Scale.step
        )
    }

    /// The row after a step of the real worker.
    func taking(_ record: SigningKeyRecord) -> ModelKey {
        var key = self
        key.activates = Scale.steps(record.activatesAt)
        key.retires = record.retiresAt.map(Scale.steps)
        key.expires = record.expiresAt.map(Scale.steps)
        key.compromised = record.compromisedAt.map(Scale.steps)
        key.hasPrivateHalf = record.sealedPrivateKey != nil
        key.haste = record.haste
        return key
    }

    /// Whether it signs at `step` by its instants alone.
    func isActive(at step: Int) -> Bool {
        compromised == nil && activates <= step && (retires ?? .max) > step && (expires ?? .max) > step
    }

    /// Whether it is one of those that will sign one after the other.
    var isInChain: Bool {
        compromised == nil && hasPrivateHalf && (retires ?? .max) > max(activates, 0)
    }

    /// The same a step later.
    func later(_ scale: Scale) -> ModelKey {
        var key = self
        key.published -= 1
        key.activates -= 1
        key.retires = retires.map { $0 - 1 }
        key.expires = expires.map { $0 - 1 }
        key.compromised = compromised.map { $0 - 1 }
        return key.rounded(scale)
    }

    /// What is so long past that it makes no difference any more is all the same, or there would be no end of
    /// states.
    private func rounded(_ scale: Scale) -> ModelKey {
        var key = self
        key.published = max(published, -scale.publication - 1)
        key.retires = retires.map { max($0, -scale.margin) }
        key.expires = expires.map { max($0, -scale.skew) }
        key.compromised = compromised.map { max($0, -scale.lag - 1) }
        // By no clock does it sign any more.
        let isDone = compromised != nil || (retires ?? .max) <= -scale.skew
        key.activates = isDone && activates <= 0 ? -scale.interval : max(activates, -scale.interval)
        return key
    }

    /// Whether nothing that may still happen asks for the row.
    func isOver(_ scale: Scale) -> Bool {
        !hasPrivateHalf && ((compromised ?? 0) < -scale.lag || (expires ?? .max) == -scale.skew)
    }
}
