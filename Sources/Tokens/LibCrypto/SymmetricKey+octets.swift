import Crypto

extension SymmetricKey {
    /// A copy of the key's bytes.
    var octets: [UInt8] {
        // The copy is made before the closure ends; the buffer does not escape it.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}
