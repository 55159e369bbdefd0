/// What a token is for, told by its `typ` so that no kind passes as another (RFC 8725 section 3.11).
///
/// The raw value is the exact `typ` of the header. RFC 9068 section 4 lets a resource server accept
/// `application/at+jwt` as well; we sign every token we accept and never write that form, so it is refused.
package enum TokenKind: String, CaseIterable, Hashable, Sendable {
    /// A JWT access token (RFC 9068).
    case access = "at+jwt"
    /// A refresh token of ours.
    case refresh = "rt+jwt"
}
