/// Why a key was not taken, or not made.
package enum KeyRefusal: Error, Equatable, Sendable {
    /// The kid is not 1 to 64 characters of `[A-Za-z0-9_.-]`.
    case kid
    /// Not the DER or the JWK of a key, or more than that.
    case malformed
    /// A key of another type than the algorithm needs, or for another use.
    case wrongType
    /// An RSA modulus of other than 2048, 3072 or 4096 bits.
    case modulusBits(Int)
    /// An RSA public exponent other than 65537.
    case exponent
    /// Two keys with one kid.
    case duplicateKid
    /// The key could not be made.
    case generation
    /// The key does not verify what it signs.
    case selfTest
}
