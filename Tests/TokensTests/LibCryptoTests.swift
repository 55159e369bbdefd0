import Domain
import Glibc
import Testing

@testable import Tokens

@Suite struct `The seam to libcrypto` {
    /// The oldest error in this thread's queue, 0 for none; libpq looks here after a TLS call.
    private func pendingError() throws -> UInt {
        let symbol = unsafe try #require(unsafe dlsym(nil, "ERR_peek_error"))
        // The function takes nothing, returns an unsigned long and changes nothing.
        let peek = unsafe unsafeBitCast(symbol, to: (@convention(c) () -> UInt).self)
        return peek()
    }

    @Test func `leaves no error behind for others to find`() throws {
        let key = Keys.rsa.verificationKey
        let pair = try GeneratedKey.generate(.rs256)
        let failures: [() -> Bool] = [
            { key.isValid([UInt8](repeating: 1, count: 256), for: [1]) },
            { key.isValid([UInt8](repeating: 0xFF, count: 256), for: [1]) },
            { (try? SigningKey(kid: "k", algorithm: .rs256, pkcs8: pair.spki)) != nil },
            { (try? VerificationKey(kid: "k", algorithm: .rs256, spki: pair.pkcs8)) != nil },
            {
                (try? SigningKey(
                    kid: "k",
                    algorithm: .rs256,
                    pkcs8: DER.rsaPublicKey(modulus: [3], exponent: [3])
                )) != nil
            },
            { (try? VerificationKey(kid: "k", algorithm: .rs256, spki: [0x30, 3, 2, 1, 1])) != nil },
        ]
        for (index, failure) in failures.enumerated() {
            #expect(!failure())
            #expect(try pendingError() == 0, "\(index)")
        }
        #expect(PasswordHash(hashing: "x") != nil)
        #expect(try pendingError() == 0)
    }
}
