import Domain
import FoundationEssentials
import Tokens

/// One line of an import: a user as better-auth's tables have them, with the password's hash beside.
struct ImportedUser: Sendable {
    /// Why a line is not a user.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private static let names: Set<String> = [
        "id", "email", "emailVerified", "name", "image", "password", "passwordHash", "createdAt", "updatedAt",
    ]

    let id: UUID
    let email: EmailAddress
    let isEmailVerified: Bool
    let name: String
    let image: String?
    let passwordHash: String?
    let createdAt: Date?

    /// Reads a line: a JSON object.
    ///
    /// An `id` that is no UUID is replaced by one of ours. `password` and `passwordHash` both mean the stored hash,
    /// `<32 hexadecimal digits of salt>:<128 of the key>`.
    init(line: [UInt8], now: Date) throws {
        let object: JSONObject
        do {
            guard let parsed = try StrictJSON.parse(line).object else {
                throw Refusal(description: "not an object")
            }
            object = parsed
        } catch let error as JSONRefusal {
            throw Refusal(description: "\(error.reason.rawValue) at byte \(error.offset)")
        }
        if let unknown = object.members.first(where: { !Self.names.contains($0.name) }) {
            throw Refusal(description: "unknown member \(unknown.name.boundedForDisplay)")
        }
        guard let email = object["email"]?.string.flatMap({ EmailAddress($0) }) else {
            throw Refusal(description: "email is missing or not an address")
        }
        self.email = email
        id = object["id"]?.string.flatMap { User.ID(anyText: $0)?.raw } ?? .v7(at: now)
        isEmailVerified = object["emailVerified"]?.bool ?? false
        name = object["name"]?.string ?? ""
        image = object["image"]?.string
        guard name.unicodeScalars.count <= 200, !name.utf8.contains(0),
            (image?.unicodeScalars.count ?? 0) <= 2000,
            image?.utf8.contains(0) != true
        else { throw Refusal(description: "name or image is too long, or holds a NUL") }
        let hash = (object["passwordHash"] ?? object["password"])?.string
        passwordHash = hash.flatMap { PasswordHash(stored: $0)?.stored }
        guard hash == nil || passwordHash != nil else {
            throw Refusal(description: "the password is not a scrypt hash of better-auth's form")
        }
        let created = object["createdAt"]?.string
        createdAt = created.flatMap { WireInstant.read($0) }
        guard created == nil || createdAt != nil else {
            throw Refusal(description: "createdAt is not a moment such as 2030-01-31T12:00:00Z")
        }
    }

    /// As the database takes it.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.text("id", id.uuidString.asciiLowercased)
        json.text("email", email.text)
        json.text("email_key", email.key)
        json.name("email_verified")
        json.bool(isEmailVerified)
        json.text("name", name)
        json.optional("image", image)
        json.optional("password_hash", passwordHash)
        json.instant("created_at", createdAt)
        json.endObject()
    }
}
