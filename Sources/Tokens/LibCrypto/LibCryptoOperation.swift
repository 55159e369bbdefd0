import CLibCrypto

/// RSASSA-PKCS1-v1_5 with SHA-256 under one key, set up once and then used for many signatures.
///
/// Setting up costs several microseconds, an eighth of a verification; EVP_PKEY_sign(3) and EVP_PKEY_verify(3)
/// allow calling them again on the same context.
///
/// `@unchecked Sendable`: an `EVP_PKEY_CTX` must be used by one thread at a time. The only owner is
/// `LibCryptoOperations`, which hands each one to one caller and gets it back after the call.
@safe final class LibCryptoOperation: @unchecked Sendable {
    enum Purpose {
        case signing
        case verifying
    }

    private let context: OpaquePointer

    init?(_ purpose: Purpose, with key: LibCryptoKey) {
        // The context takes its own reference to the key.
        guard let context = unsafe EVP_PKEY_CTX_new(key.raw, nil) else { return nil }
        unsafe self.context = context
        let isReady =
            switch purpose {
            case .signing: unsafe EVP_PKEY_sign_init(context)
            case .verifying: unsafe EVP_PKEY_verify_init(context)
            }
        guard isReady == 1,
            unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1,
            unsafe EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        else {
            LibCrypto.forgetErrors()
            return nil
        }
    }

    deinit {
        unsafe EVP_PKEY_CTX_free(context)
    }

    /// The signature of a SHA-256 digest; `size` is that of the modulus in bytes.
    func sign(_ digest: [UInt8], size: Int) -> [UInt8]? {
        var signature = [UInt8](repeating: 0, count: size)
        var count = size
        // Both arrays are borrowed for the call with their own counts.
        guard unsafe EVP_PKEY_sign(context, &signature, &count, digest, digest.count) == 1, count == size
        else {
            LibCrypto.forgetErrors()
            return nil
        }
        return signature
    }

    /// Whether `signature` is that of a SHA-256 digest; libcrypto builds the expected encoding and compares.
    func verify(_ signature: [UInt8], _ digest: [UInt8]) -> Bool {
        // As above.
        let result = unsafe EVP_PKEY_verify(context, signature, signature.count, digest, digest.count)
        if result != 1 { LibCrypto.forgetErrors() }
        return result == 1
    }
}
