/// Where a sealed secret belongs; it opens nowhere else.
package struct SealedPlace: Sendable {
    /// What a sealed secret is for.
    package enum Purpose: String, Sendable {
        /// A private key that signs tokens.
        case tokenSigning = "token-signing"
        /// The secret behind a workspace's cookies and CSRF tokens.
        case cookieSecret = "cookie-secret"
        /// What a creation answered, for whoever repeats it.
        case idempotentAnswer = "idempotent-answer"
    }

    private let workspaceID: String
    private let name: String
    private let purpose: Purpose
    private let algorithm: String

    /// A place of one workspace; `name` is the kid of a key, and `algorithm` that of what the secret is used with.
    package init(workspaceID: String, name: String, purpose: Purpose, algorithm: String) {
        self.workspaceID = workspaceID
        self.name = name
        self.purpose = purpose
        self.algorithm = algorithm
    }

    var dataBinding: [UInt8] {
        lengthPrefixed("sso/key/v1", workspaceID, name, purpose.rawValue, algorithm)
    }

    func wrapBinding(kekID: String) -> [UInt8] {
        lengthPrefixed("sso/kek/v1", workspaceID, name, kekID)
    }

    /// Each text after its length in four bytes, so that no two lists of texts give the same bytes.
    private func lengthPrefixed(_ texts: String...) -> [UInt8] {
        texts.flatMap { text in
            let count = UInt32(text.utf8.count)
            return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + Array(text.utf8)
        }
    }
}
