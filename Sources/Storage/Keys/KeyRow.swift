import Domain
import FoundationEssentials
import Postgres

/// The columns that every look at a signing key reads, in this order; the private half is read by roles that may.
enum KeyRow {
    static let columns = """
        kid, algorithm, rsa_bits, public_key, sealed_private_key, published_at, activates_at, retires_at, expires_at, \
        compromised_at, haste, longest_token
        """

    static func decode(_ row: inout RowReader) throws(RowDecodingError) -> SigningKeyRecord {
        SigningKeyRecord(
            kid: try row.next(String.self),
            algorithm: try row.next(SigningAlgorithm.self),
            rsaBits: try row.next(Int?.self),
            publicKey: try row.next([UInt8].self),
            sealedPrivateKey: try row.next([UInt8]?.self),
            publishedAt: try row.next(Date.self),
            activatesAt: try row.next(Date.self),
            retiresAt: try row.next(Date?.self),
            expiresAt: try row.next(Date?.self),
            compromisedAt: try row.next(Date?.self),
            haste: try row.next(SigningKeyRecord.Haste?.self),
            longestToken: try row.next(Int.self)
        )
    }
}

/// The same columns for a role that may not see private halves; each key reads as if it had none.
enum PublicKeyRow {
    static let columns = """
        kid, algorithm, rsa_bits, public_key, NULL::bytea, published_at, activates_at, retires_at, expires_at, \
        compromised_at, haste, longest_token
        """
}
