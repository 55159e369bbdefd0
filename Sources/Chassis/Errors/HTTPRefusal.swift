package import HTTPTypes

/// An error that has an answer: what the client reads, and apart from it what the log says.
///
/// Any error that is not one of these, nor an unavailability, is a bug and becomes a 500 without particulars.
package protocol HTTPRefusal: Error {
    /// The status of the answer, 400 to 599.
    var status: HTTPResponse.Status { get }
    /// The machine-readable code, from a closed set: lower-case words joined by underscores.
    var code: String { get }
    /// One sentence for the developer who reads the answer.
    var message: String { get }
    /// Further facts for the client, such as the field at fault.
    var details: [String: String] { get }
    /// When trying again may help; becomes `Retry-After` in whole seconds, rounded up.
    var retryAfter: Duration? { get }
    /// Further header fields, such as `WWW-Authenticate` or `Allow`.
    var headers: HTTPFields { get }
    /// What the log says under `refusal`, when it is more exact than the code.
    var logged: String { get }
}

extension HTTPRefusal {
    /// Nothing further.
    package var details: [String: String] { [:] }
    /// No hint.
    package var retryAfter: Duration? { nil }
    /// No further fields.
    package var headers: HTTPFields { [:] }
    /// The code.
    package var logged: String { code }
}
