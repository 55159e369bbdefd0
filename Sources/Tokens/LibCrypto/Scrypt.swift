import CLibCrypto

/// scrypt (RFC 7914); nil when there is not the memory.
///
/// Needs 128 · `rounds` · `blockSize` bytes of it.
///
/// swift-crypto has it as well and is as fast, but ten times slower in debug builds, where tests wait for it.
func scrypt(
    _ password: [UInt8],
    salt: [UInt8],
    rounds: UInt64,
    blockSize: UInt64,
    count: Int
) -> [UInt8]? {
    var key = [UInt8](repeating: 0, count: count)
    // The arrays are borrowed for the call with their own counts. Chars and bytes have one layout, and libcrypto
    // takes a null pointer for an empty password.
    let result = unsafe password.withUnsafeBytes { password in
        unsafe EVP_PBE_scrypt(
            password.assumingMemoryBound(to: CChar.self).baseAddress,
            password.count,
            salt,
            salt.count,
            rounds,
            blockSize,
            1,
            128 * rounds * blockSize + (1 << 20),
            &key,
            count
        )
    }
    guard result == 1 else {
        LibCrypto.forgetErrors()
        return nil
    }
    return key
}
