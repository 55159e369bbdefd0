import Crypto

/// Keeps private keys and secrets sealed at rest, each bound to the place it belongs to.
///
/// Every secret has a data key of its own, which is wrapped by a master key; both with AES-256-GCM and random
/// 96-bit nonces. What is sealed for one workspace, name, purpose or algorithm does not open for another. The
/// master key's id is bound to the wrapping alone, so that `rewrap` leaves the secret's own ciphertext be.
package struct KeySealing: Sendable {
    private let masterKeys: MasterKeys

    /// Seals and opens with these keys.
    package init(masterKeys: MasterKeys) {
        self.masterKeys = masterKeys
    }

    /// The id of the master key that new secrets are sealed under.
    package var currentKekID: String { masterKeys.first.id }

    /// Seals a secret under the first master key.
    ///
    /// Adds 90 bytes and the length of the master key's id.
    package func seal(_ secret: [UInt8], for place: SealedPlace) throws(SealingRefusal) -> [UInt8] {
        let dataKey = SecureRandom.bytes(32)
        let data = try AESGCM.encrypt(secret, with: SymmetricKey(data: dataKey), bound: place.dataBinding)
        return try wrap(dataKey, data, for: place).bytes
    }

    /// The secret, if it was sealed for exactly this place under a master key that we have.
    package func open(_ sealed: [UInt8], for place: SealedPlace) throws(SealingRefusal) -> [UInt8] {
        let sealed = try SealedSecret(parsing: sealed)
        return try open(sealed, with: unwrap(sealed, for: place), for: place)
    }

    /// The same secret under the first master key; unchanged if it is already.
    ///
    /// Opens it on the way: a secret that does not open is refused, not carried along.
    package func rewrap(_ sealed: [UInt8], for place: SealedPlace) throws(SealingRefusal) -> [UInt8] {
        let old = try SealedSecret(parsing: sealed)
        let dataKey = try unwrap(old, for: place)
        _ = try open(old, with: dataKey, for: place)
        if equalBytes(old.kekID, masterKeys.first.id) { return sealed }
        return try wrap(dataKey, old.data, for: place).bytes
    }

    /// The id of the master key a secret is sealed under, as it says; nothing is opened.
    package static func kekID(of sealed: [UInt8]) throws(SealingRefusal) -> String {
        try SealedSecret(parsing: sealed).kekID
    }

    private func open(
        _ sealed: SealedSecret,
        with dataKey: [UInt8],
        for place: SealedPlace
    ) throws(SealingRefusal) -> [UInt8] {
        try AESGCM.decrypt(sealed.data, with: SymmetricKey(data: dataKey), bound: place.dataBinding)
    }

    private func wrap(
        _ dataKey: [UInt8],
        _ data: [UInt8],
        for place: SealedPlace
    ) throws(SealingRefusal) -> SealedSecret {
        let master = masterKeys.first
        let binding = place.wrapBinding(kekID: master.id)
        let wrap = try AESGCM.encrypt(dataKey, with: master.key, bound: binding)
        return SealedSecret(kekID: master.id, wrap: wrap, data: data)
    }

    private func unwrap(
        _ sealed: SealedSecret,
        for place: SealedPlace
    ) throws(SealingRefusal) -> [UInt8] {
        guard let master = masterKeys.key(sealed.kekID) else { throw .unknownMasterKey(id: sealed.kekID) }
        return try AESGCM.decrypt(sealed.wrap, with: master, bound: place.wrapBinding(kekID: sealed.kekID))
    }
}

/// Why a secret was not sealed or opened; the texts are fit for a log.
package enum SealingRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not the form that `seal` writes.
    case malformed
    /// Sealed under a master key that is not in the file.
    case unknownMasterKey(id: String)
    /// Changed, or sealed for another workspace, name, purpose or algorithm.
    case notAuthentic
    /// The library could not encrypt.
    case notSealed

    /// What is wrong, without the secret.
    package var description: String {
        switch self {
        case .malformed: "the sealed secret is malformed"
        case .unknownMasterKey(let id): "the sealed secret needs master key \(id), which is not in the file"
        case .notAuthentic: "the sealed secret was changed, or belongs elsewhere"
        case .notSealed: "the secret could not be sealed"
        }
    }
}
