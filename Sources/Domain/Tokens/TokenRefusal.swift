/// Why a token was not accepted.
///
/// The client is never told which: all of them are one answer. `label` is what a metric may count.
package enum TokenRefusal: Error, Equatable, Sendable {
    /// More than 8,192 bytes; nothing was decoded.
    case tooLarge
    /// Not three base64url parts of strict JSON.
    case malformed
    /// The header names a key, a compression or an extension (`jku`, `jwk`, `x5u`, `crit`, `zip`, …).
    case forbiddenHeader(String)
    /// `alg` is missing, unknown, or not the algorithm of the key.
    case algorithm
    /// No key of the workspace has this `kid`; no signature was verified.
    case unknownKey
    /// `typ` is missing or that of another kind of token. Holds at most 32 bytes of it.
    case kind(String)
    /// The signature is not the key's.
    case signature
    /// `iss` is not the workspace's issuer.
    case issuer
    /// `wid` is not the workspace.
    case workspace
    /// `aud` is not the audience asked for.
    case audience
    /// `exp` has passed, leeway included.
    case expired
    /// `iat` or `nbf` lies in the future, leeway included.
    case notYetValid
    /// The named claim is missing, of the wrong type or out of range.
    case claim(String)

    /// The refusal without what the token brought, one of a closed set.
    package var label: String {
        switch self {
        case .tooLarge: "too_large"
        case .malformed: "malformed"
        case .forbiddenHeader: "forbidden_header"
        case .algorithm: "algorithm"
        case .unknownKey: "unknown_key"
        case .kind: "kind"
        case .signature: "signature"
        case .issuer: "issuer"
        case .workspace: "workspace"
        case .audience: "audience"
        case .expired: "expired"
        case .notYetValid: "not_yet_valid"
        case .claim: "claim"
        }
    }
}
