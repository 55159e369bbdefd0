import CLibCrypto

/// What every use of libcrypto shares.
enum LibCrypto {
    /// Empties this thread's queue of errors.
    ///
    /// libpq reads the same queue after a TLS call and would take an error of ours for its own.
    static func forgetErrors() {
        ERR_clear_error()
    }
}
