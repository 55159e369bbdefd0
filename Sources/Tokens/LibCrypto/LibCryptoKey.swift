import CLibCrypto

/// A key held by libcrypto, parsed once and never changed.
///
/// `@unchecked Sendable`: `raw` is a `let` that only this object frees, in `deinit`, and nothing here modifies
/// the `EVP_PKEY` after `init`. libcrypto allows reading one object from many threads, and guards the caches
/// it keeps inside (Montgomery contexts, blinding) with locks of its own: openssl-threads(7).
@safe final class LibCryptoKey: @unchecked Sendable {
    let raw: OpaquePointer

    /// Takes ownership of `raw`.
    private init(adopting raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    deinit {
        // Also overwrites the private numbers.
        unsafe EVP_PKEY_free(raw)
    }

    /// Parses an RSA key (not RSA-PSS): PKCS#8 `PrivateKeyInfo` in DER (RFC 5208) and not a byte more.
    convenience init?(pkcs8: [UInt8]) {
        self.init(decoding: pkcs8, as: "PrivateKeyInfo", selection: selection_of_key_pair)
    }

    /// Parses an RSA key (not RSA-PSS): `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1) and not a byte more.
    convenience init?(spki: [UInt8]) {
        self.init(decoding: spki, as: "SubjectPublicKeyInfo", selection: selection_of_public_key)
    }

    /// Naming structure and type spares libcrypto trying every decoder it has: 0.13 ms instead of 0.4 ms.
    private convenience init?(decoding der: [UInt8], as structure: StaticString, selection: Int32) {
        // The decoder reads ahead, so that it cannot be asked where the key ended.
        guard DER.isOneSequence(der), let key = unsafe Self.decode(der, as: structure, selection: selection)
        else { return nil }
        unsafe self.init(adopting: key)
    }

    private static func decode(_ der: [UInt8], as structure: StaticString, selection: Int32) -> OpaquePointer?
    {
        // An error somebody left behind on this thread is not taken for one of the decoder's.
        LibCrypto.forgetErrors()
        defer { LibCrypto.forgetErrors() }
        var key: OpaquePointer?
        let isDecoded = unsafe withUnsafeMutablePointer(to: &key) { slot in
            unsafe der.withUnsafeBufferPointer { buffer in
                // The decoder keeps `slot` and, without copying them, the names of the form and the
                // structure, and reads from the buffer, until it is freed; all of these outlive it. What C is
                // given of a `String` would not: it lasts for one call. It reads no more than `rest` bytes.
                // Without `selection` it would take a public key for a private one.
                let decoder = unsafe OSSL_DECODER_CTX_new_for_pkey(
                    slot,
                    characters("DER"),
                    characters(structure),
                    characters("RSA"),
                    selection,
                    nil,
                    nil
                )
                guard let decoder = unsafe decoder else { return false }
                defer { unsafe OSSL_DECODER_CTX_free(decoder) }
                var cursor = buffer.baseAddress
                var rest = buffer.count
                return unsafe OSSL_DECODER_from_data(decoder, &cursor, &rest) == 1
            }
        }
        guard !isDecoded else { return unsafe key }
        if let key = unsafe key { unsafe EVP_PKEY_free(key) }
        return nil
    }

    /// A literal as C has it: bytes of the program itself that end with NUL and stay where they are.
    private static func characters(_ literal: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    /// Makes an RSA key pair with public exponent 65537, libcrypto's default.
    ///
    /// Takes 50 ms to seconds of CPU.
    convenience init?(generatingRSABits bits: Int) {
        // The context is made, used and freed here, by this thread alone. It keeps the name without copying.
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, Self.characters("RSA"), nil) else {
            return nil
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_keygen_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)) == 1,
            unsafe EVP_PKEY_generate(context, &key) == 1,
            let key = unsafe key
        else {
            LibCrypto.forgetErrors()
            return nil
        }
        unsafe self.init(adopting: key)
    }

    /// The size of the modulus in bits.
    var bits: Int {
        Int(unsafe EVP_PKEY_get_bits(raw))
    }

    /// The RSA modulus, big-endian without leading zeros.
    var modulus: [UInt8] {
        number("n")
    }

    /// The RSA public exponent, big-endian without leading zeros.
    var exponent: [UInt8] {
        number("e")
    }

    /// The private key as PKCS#8 `PrivateKeyInfo` in DER, not encrypted.
    var pkcs8: [UInt8] {
        guard let info = unsafe EVP_PKEY2PKCS8(raw) else { return [] }
        defer { unsafe PKCS8_PRIV_KEY_INFO_free(info) }
        let count = unsafe i2d_PKCS8_PRIV_KEY_INFO(info, nil)
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        // i2d with a null pointer only measured; now it fills exactly the bytes measured.
        unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            var cursor = buffer.baseAddress
            unsafe i2d_PKCS8_PRIV_KEY_INFO(info, &cursor)
        }
        return bytes
    }

    private func number(_ name: String) -> [UInt8] {
        var value: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(raw, name, &value) == 1, let value = unsafe value else {
            LibCrypto.forgetErrors()
            return []
        }
        defer { unsafe BN_free(value) }
        // BN_num_bits is the size BN_bn2bin writes, rounded up to bytes.
        var bytes = [UInt8](repeating: 0, count: (Int(unsafe BN_num_bits(value)) + 7) / 8)
        unsafe BN_bn2bin(value, &bytes)
        return bytes
    }
}
