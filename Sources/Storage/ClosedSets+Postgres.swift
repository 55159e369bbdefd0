package import Domain
package import Postgres

// A text column whose values are a closed set reads as that set; a value outside it is a decoding error.

extension RawRepresentable where Self: PostgresDecodable, RawValue == String {
    /// Reads the text of one of the set.
    package init?(postgres bytes: RawSpan, type: PostgresType) {
        guard let text = String(postgres: bytes, type: type) else { return nil }
        self.init(rawValue: text)
    }
}

extension AdminRole: PostgresDecodable {}
extension Workspace.Status: PostgresDecodable {}
extension ConnectedApp.Status: PostgresDecodable {}
extension ConnectedApp.ExchangePolicy: PostgresDecodable {}
extension ConnectedApp.SignupPolicy: PostgresDecodable {}
extension ConnectedApp.ClientType: PostgresDecodable {}
extension APIKey.Kind: PostgresDecodable {}
extension User.Status: PostgresDecodable {}
extension Membership.Status: PostgresDecodable {}
extension SigningAlgorithm: PostgresDecodable {}
extension SigningKeyRecord.Haste: PostgresDecodable {}
extension RotationPlan.Next: PostgresDecodable {}
extension KeyRequest.Sessions: PostgresDecodable {}
extension KeyRequest.Outcome: PostgresDecodable {}
