/// The parts of a sealed secret: `1 ‖ length ‖ kek id ‖ wrap nonce ‖ wrapped DEK ‖ data nonce ‖ ciphertext ‖ tag`.
struct SealedSecret {
    /// Nonce (12), key (32) and tag (16).
    static let wrapSize = 60
    /// Nonce (12) and tag (16).
    static let frameSize = 28

    let kekID: String
    /// Nonce, encrypted data key and tag, as AES-GCM's combined form.
    let wrap: [UInt8]
    /// Nonce, ciphertext and tag, as AES-GCM's combined form.
    let data: [UInt8]

    init(kekID: String, wrap: [UInt8], data: [UInt8]) {
        self.kekID = kekID
        self.wrap = wrap
        self.data = data
    }

    init(parsing bytes: [UInt8]) throws(SealingRefusal) {
        guard bytes.count > 2, bytes[0] == 1 else { throw .malformed }
        let wrapStart = 2 + Int(bytes[1])
        let dataStart = wrapStart + SealedSecret.wrapSize
        guard bytes.count >= dataStart + SealedSecret.frameSize else { throw .malformed }
        guard let kekID = String(validating: bytes[2..<wrapStart], as: UTF8.self), isIdentifier(kekID) else {
            throw .malformed
        }
        self.kekID = kekID
        wrap = Array(bytes[wrapStart..<dataStart])
        data = Array(bytes[dataStart...])
    }

    /// The bytes that are stored.
    ///
    /// The id is at most 64 bytes: `MasterKeys` sees to it.
    var bytes: [UInt8] {
        [1, UInt8(kekID.utf8.count)] + kekID.utf8 + wrap + data
    }
}
