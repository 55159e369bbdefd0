import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Storage
import Tokens

/// What anybody may know of an app: its keys and its public facts.
struct AppHandlers: Sendable {
    let parts: ServiceParts

    /// `GET …/.well-known/jwks.json`: the workspace's public keys (RFC 7517), with an ETag.
    func keys(_ request: Request, _ context: ServiceContext) throws -> Response {
        let scope = try AppScope(request, context, parts, within: Self.maximumAge)
        parts.fetches.note(scope.app.id, in: scope.workspace.id, at: scope.now)
        return try keys(scope.served, request, at: scope.now)
    }

    /// `GET /.well-known/jwks.json` of a workspace.
    func workspaceKeys(_ request: Request, _ context: ServiceContext) throws -> Response {
        let served = try WorkspaceScope.find(
            request,
            context,
            parts,
            in: try parts.freshView(within: Self.maximumAge)
        )
        let now = parts.now()
        parts.fetches.note(nil, in: served.snapshot.workspace.id, at: now)
        return try keys(served, request, at: now)
    }

    /// `GET …/public_key`: the key that signs now, as PEM.
    func publicKey(_ request: Request, _ context: ServiceContext) throws -> Response {
        let scope = try AppScope(request, context, parts)
        guard let signer = scope.served.entry.signer(at: scope.now) else {
            throw PlainRefusal.temporarilyUnavailable()
        }
        return .json(headers: Self.cacheable) { json in
            json.beginObject()
            json.member("public_key", signer.key.verificationKey.pem)
            json.member("algorithm", signer.key.algorithm.rawValue)
            json.member("key_id", signer.keyID)
            json.endObject()
        }
    }

    /// `GET /v1/apps/{app}`: a bare object, no secret in it.
    func show(_ request: Request, _ context: ServiceContext) throws -> Response {
        let scope = try AppScope(request, context, parts)
        let app = scope.app
        return .json { json in
            json.beginObject()
            json.member("id", app.id.raw)
            json.member("name", app.name)
            json.member("slug", app.id.raw)
            json.member("client_id", app.clientID)
            json.member("workspace_id", scope.workspace.id.reference)
            json.member("origin", orNull: app.origins.first)
            json.name("additional_origins")
            json.beginArray()
            for origin in app.origins.dropFirst() { json.string(origin) }
            json.endArray()
            json.member("base_url", scope.workspace.issuer)
            json.member("access_expiration", app.lifetimes.access)
            json.member("refresh_expiration", app.lifetimes.refresh)
            json.member("session_timeout", app.lifetimes.idle)
            json.member("refresh_payload", app.refreshPayload)
            json.member("auto_refresh", true)
            json.member("public_signup", app.signupPolicy.admitsOnFirstAccess)
            json.endObject()
        }
    }

    /// How long relying parties may keep the keys; with the database away we do the same.
    private static let maximumAge: Duration = .seconds(600)

    private static let cacheable: HTTPFields = [
        .cacheControl: "public, max-age=600", .accessControlAllowOrigin: "*",
    ]

    /// No copy is older than the maximum age, however old our view is: what a key may rely on before it signs.
    private func remainingAge() -> Int64 {
        let view = parts.feed.current
        guard !view.isFresh(at: .now), let confirmedAt = view.confirmedAt else {
            return Self.maximumAge.components.seconds
        }
        return max(0, (Self.maximumAge - (.now - confirmedAt)).components.seconds)
    }

    private func keys(
        _ served: ServiceParts.View.Served,
        _ request: Request,
        at now: Date
    ) throws -> Response {
        guard let document = served.entry.published(at: now)?.document else {
            throw PlainRefusal.temporarilyUnavailable()
        }
        var headers = Self.cacheable
        headers[.cacheControl] = "public, max-age=\(remainingAge())"
        headers[.eTag] = document.etag
        if let known = request.headers[.ifNoneMatch], Self.matches(known, document.etag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "application/json"
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: document.bytes))
        )
    }

    /// Whether an `If-None-Match` (RFC 9110 section 13.1.2) names the tag, weak or strong, or any.
    private static func matches(_ header: String, _ tag: String) -> Bool {
        header.utf8.split(separator: UInt8(ascii: ",")).contains { part in
            let text = part.drop { $0 == UInt8(ascii: " ") }
            let word = text.prefix { $0 != UInt8(ascii: " ") }
            let strong = word.starts(with: "W/".utf8) ? word.dropFirst(2) : word
            return word.elementsEqual("*".utf8) || strong.elementsEqual(tag.utf8)
        }
    }
}
