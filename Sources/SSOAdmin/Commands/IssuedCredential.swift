import Domain
import FoundationEssentials
import Storage
import Tokens

/// A credential at the moment it is made: the text that is shown once, and what is stored of it.
struct IssuedCredential: Sendable {
    let id: Identifier<IssuedCredential, UUID>
    /// Prefix, the 32 hexadecimal digits of the id, `_`, the secret.
    let text: String
    let stored: AdministrationStore.Credential

    init(prefix: String, name: String) {
        id = Identifier(.v7(at: Date()))
        let secret = SecureRandom.secret()
        text = "\(prefix)\(id.hex)_\(secret)"
        stored = AdministrationStore.Credential(
            id: id.raw,
            name: name,
            secretHash: SecretHash(of: secret).bytes
        )
    }
}
