import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Tokens

/// What an exchange request says, before any of it is believed.
struct ExchangeCall: Sendable {
    /// The app that the body names, or the field that is not well formed.
    enum Wish: Sendable {
        case app(String)
        case malformed(field: String)
    }

    /// The workspace of the path: an id or a slug.
    let workspaceName: String
    let apiKey: PresentedAPIKey?
    let userToken: UnverifiedToken?
    let wish: Wish
    let address: ClientAddress
    let userAgent: String?

    /// Reads headers and body.
    ///
    /// A malformed body is kept as such: who is asking is answered first.
    init(_ request: Request, _ context: ServiceContext) async throws {
        workspaceName = context.parameters.get("workspace") ?? ""
        apiKey = request.headers[.authorization].flatMap { PresentedAPIKey(header: $0) }
        userToken = request.userToken(.xAuthorization)
        wish = try await Self.wish(request)
        address = context.facts.client
        userAgent = request.userAgent
    }

    private static func wish(_ request: Request) async throws -> Wish {
        do {
            let body = try await RequestBody(request)
            // Only tokens are delivered here; the word is reserved.
            guard !body.has("delivery") else { return .malformed(field: "delivery") }
            guard let name = body[text: "app_id"], ConnectedApp.ID(text: name) != nil else {
                return .malformed(field: "app_id")
            }
            return .app(name)
        } catch RequestBody.Malformed.syntax {
            return .malformed(field: "body")
        } catch RequestBody.Malformed.contentType {
            return .malformed(field: "content-type")
        }
    }
}

/// An API key as a caller shows it: `scwor_` or `scapp_`, 32 hexadecimal digits of its id, `_`, the secret.
struct PresentedAPIKey: Sendable {
    let kind: APIKey.Kind
    let id: APIKey.ID
    let secret: String

    /// Reads an `Authorization` header: `Bearer` in any case (RFC 9110 section 11.1), then the key.
    init?(header: String) {
        guard header.utf8.count <= 256, let (scheme, key) = header.twoWords,
            scheme.asciiLowercased == "bearer"
        else {
            return nil
        }
        let parts = key.split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let id = APIKey.ID(hex: parts[1]) else { return nil }
        switch parts[0] {
        case "scwor": kind = .workspace
        case "scapp": kind = .app
        default: return nil
        }
        self.id = id
        secret = String(parts[2])
    }

    /// The workspace's key of this id and kind, if the secret is right.
    ///
    /// Takes as long when there is none.
    func find(in snapshot: WorkspaceSnapshot) -> APIKey? {
        let known = snapshot.apiKeys[id]
        let stored = known.flatMap { SecretHash(stored: $0.secretHash) } ?? Self.nobody
        guard stored.matches(secret), let known, known.kind == kind else { return nil }
        return known
    }

    private static let nobody = SecretHash(of: SecureRandom.bytes(32))
}
