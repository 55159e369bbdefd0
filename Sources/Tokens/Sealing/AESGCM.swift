import Crypto
import FoundationEssentials

/// AES-256-GCM with a random 96-bit nonce before the ciphertext and a 128-bit tag after it.
///
/// Two nonces of one key must not meet: a data key encrypts once, and a master key may wrap 2^32 of them
/// (NIST SP 800-38D section 8.3).
enum AESGCM {
    static func encrypt(
        _ plain: [UInt8],
        with key: SymmetricKey,
        bound: [UInt8]
    ) throws(SealingRefusal) -> [UInt8] {
        do {
            guard let box = try AES.GCM.seal(plain, using: key, authenticating: bound).combined else {
                throw SealingRefusal.notSealed
            }
            return Array(box)
        } catch {
            throw .notSealed
        }
    }

    static func decrypt(
        _ combined: [UInt8],
        with key: SymmetricKey,
        bound: [UInt8]
    ) throws(SealingRefusal) -> [UInt8] {
        do {
            let box = try AES.GCM.SealedBox(combined: combined)
            return Array(try AES.GCM.open(box, using: key, authenticating: bound))
        } catch {
            throw .notAuthentic
        }
    }
}
