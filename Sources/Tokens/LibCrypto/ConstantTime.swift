import CLibCrypto

/// Whether two secrets are the same bytes, in a time that depends on their lengths alone.
package func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    // Both arrays are borrowed for the call and hold `count` bytes.
    return unsafe CRYPTO_memcmp(left, right, left.count) == 0
}
