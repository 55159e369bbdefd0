package import Domain

extension SealedPlace {
    /// The place of a workspace's signing key.
    package static func signingKey(
        _ kid: String,
        algorithm: SigningAlgorithm,
        workspaceID: String
    ) -> SealedPlace {
        SealedPlace(
            workspaceID: workspaceID,
            name: kid,
            purpose: .tokenSigning,
            algorithm: algorithm.rawValue
        )
    }

    /// The place of the secret behind a workspace's cookies and CSRF tokens.
    package static func browserSecret(workspaceID: String, id: String) -> SealedPlace {
        SealedPlace(workspaceID: workspaceID, name: id, purpose: .cookieSecret, algorithm: "HS256")
    }
}
