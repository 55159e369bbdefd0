import Chassis
import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Storage
import Tokens

/// What identifies a state of a thing: a strong ETag over its JSON (RFC 9110 section 8.8.3).
enum EntityTag {
    /// The tag of a JSON text.
    static func of(_ json: String) -> String {
        "\"\(Base64URL.encode(Array(SecretHash(of: json).bytes.prefix(18))))\""
    }

    /// What `If-Match` demands, if it is there: that the thing has one of its tags (RFC 9110 section 13.1.1).
    ///
    /// A weak tag is well formed and matches nothing.
    static func precondition(_ request: Request) throws -> Precondition? {
        let fields = request.headers[values: .ifMatch]
        guard !fields.isEmpty else { return nil }
        let tags = fields.flatMap { field in
            field.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { part in
                String(
                    decoding: part.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") },
                    as: UTF8.self
                )
            }
        }
        guard tags == ["*"] || tags.allSatisfy(isTag) else {
            throw AdminRefusal.invalid(field: "If-Match", "If-Match takes * or what ETag said.")
        }
        return { json in
            guard tags == ["*"] || tags.contains(EntityTag.of(json)) else {
                throw AdminRefusal.preconditionFailed
            }
        }
    }
}

extension EntityTag {
    private static func isTag(_ text: String) -> Bool {
        let bytes = Array(text.utf8.starts(with: "W/".utf8) ? text.utf8.dropFirst(2) : text.utf8[...])
        let quote = UInt8(ascii: "\"")
        return bytes.count >= 2 && bytes.first == quote && bytes.last == quote
            && bytes[1..<(bytes.count - 1)].allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != quote }
    }
}

extension Response {
    /// A thing: its JSON with its tag.
    static func thing(
        _ json: String,
        adding secrets: [(String, String)] = [],
        status: HTTPResponse.Status = .ok,
        location: String? = nil,
        epoch: Int? = nil
    ) -> Response {
        var headers: HTTPFields = [.contentType: "application/json", .eTag: EntityTag.of(json)]
        if let location { headers[.location] = location }
        if let epoch { headers[.xEpoch] = String(epoch) }
        if !secrets.isEmpty { headers[.cacheControl] = "no-store" }
        let body = json.adding(secrets)
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
    }

    /// Part of a list.
    static func page(_ name: String, _ page: Page) -> Response {
        var body = "{\"\(name)\":["
        body += page.items.map(\.json).joined(separator: ",")
        body += "],\"nextCursor\":"
        body += page.next.map { "\"\(Base64URL.encode(Array($0.utf8)))\"" } ?? "null"
        body += "}"
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
    }

    /// 204: it is gone.
    static func gone(epoch: Int) -> Response {
        Response(status: .noContent, headers: [.xEpoch: String(epoch)])
    }

    /// JSON that `write` writes.
    static func json(
        status: HTTPResponse.Status = .ok,
        epoch: Int? = nil,
        _ write: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(reserving: 1024)
        write(&writer)
        var headers: HTTPFields = [.contentType: "application/json"]
        if let epoch { headers[.xEpoch] = String(epoch) }
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes))
        )
    }
}

extension String {
    /// A JSON object with members more.
    func adding(_ members: [(String, String)]) -> String {
        guard !members.isEmpty else { return self }
        var json = JSONWriter()
        json.beginObject()
        for (name, text) in members {
            json.name(name)
            json.string(text)
        }
        json.endObject()
        let added = String(decoding: json.bytes.dropFirst(), as: UTF8.self)
        return String(decoding: utf8.dropLast(), as: UTF8.self) + "," + added
    }
}

extension Request {
    /// Which part of a list is asked for: `limit`, `cursor`, `search`; anything else in the query is refused by name,
    /// unless it is one of `filters`.
    func page(filters: Set<String> = [], searches: Bool = true) throws -> PageRequest {
        var (limit, after, search) = (50, String?.none, String?.none)
        try checkQuery(
            taking: filters.union(searches ? ["limit", "cursor", "search"] : ["limit", "cursor"])
        )
        if let text = uri.queryParameters["limit"] {
            guard let number = Int(String(text)), (1...200).contains(number) else {
                throw AdminRefusal.invalid(field: "limit", "limit takes a whole number from 1 to 200.")
            }
            limit = number
        }
        if let text = uri.queryParameters["cursor"] {
            guard (1...256).contains(text.utf8.count), let bytes = Base64URL.decode(String(text)),
                let position = String(validating: bytes, as: UTF8.self), !position.utf8.contains(0)
            else { throw AdminRefusal.invalid(field: "cursor", "cursor takes what nextCursor said.") }
            after = position
        }
        if searches, let text = uri.queryParameters["search"].map({ String($0) }) {
            guard (1...100).contains(text.unicodeScalars.count), !text.utf8.contains(0) else {
                throw AdminRefusal.invalid(field: "search", "search takes 1 to 100 characters.")
            }
            search = text
        }
        return PageRequest(after: after, limit: limit, search: search)
    }

    /// Refuses what the query has beside `names`, and what it has twice.
    func checkQuery(taking names: Set<String> = []) throws {
        var seen: Set<String> = []
        for (name, _) in uri.queryParameters {
            let name = String(name)
            guard names.contains(name), seen.insert(name).inserted else {
                throw AdminRefusal.invalid(
                    field: name.boundedForDisplay,
                    "The query takes \(names.isEmpty ? "nothing" : names.sorted().joined(separator: ", ")), each once."
                )
            }
        }
    }

    /// Whether the query says `force=true`.
    func isForced() throws -> Bool {
        try checkQuery(taking: ["force"])
        switch uri.queryParameters["force"].map({ String($0) }) {
        case nil, "false": return false
        case "true": return true
        default: throw AdminRefusal.invalid(field: "force", "force takes true or false.")
        }
    }
}
