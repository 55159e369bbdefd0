import Chassis
import HTTPTypes
import Hummingbird
import NIOCore
import Tokens

/// A request's body as named texts and values: a JSON object, or a form.
struct RequestBody: Sendable {
    private let object: JSONObject?
    private let form: [String: String]

    /// Why a body is not one.
    enum Malformed: Error {
        /// Not the syntax it says it is.
        case syntax
        /// Neither JSON nor a form.
        case contentType
    }

    /// Reads the whole body.
    ///
    /// A missing content type is taken as JSON, and an empty body as an empty object.
    init(_ request: Request) async throws {
        let type = request.headers[.contentType].map { Self.mediaType($0) }
        let bytes = try await request.collectBody()
        switch type {
        case nil, "application/json":
            form = [:]
            object = try Self.object(Array(bytes.readableBytesView))
        case "application/x-www-form-urlencoded":
            object = nil
            form = try Self.form(Array(bytes.readableBytesView))
        default:
            throw Malformed.contentType
        }
    }

    /// The text of a member, if it is there and is a text.
    subscript(text name: String) -> String? {
        object?[name]?.string ?? form[name]
    }

    /// Whether the member is there, whatever it is.
    func has(_ name: String) -> Bool {
        form[name] != nil || object?[name] != nil
    }

    /// The truth of a member, if it is there and is one.
    subscript(flag name: String) -> Bool? {
        object?[name]?.bool ?? form[name].map { $0 == "true" }
    }

    private static func mediaType(_ header: String) -> String {
        let type = header.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        return String(decoding: type.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func object(_ bytes: [UInt8]) throws -> JSONObject? {
        guard !bytes.isEmpty else { return nil }
        do {
            guard let object = try StrictJSON.parse(bytes).object else { throw Malformed.syntax }
            return object
        } catch is JSONRefusal {
            throw Malformed.syntax
        }
    }

    private static func form(_ bytes: [UInt8]) throws -> [String: String] {
        var form: [String: String] = [:]
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="),
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard let name = decoded(parts[0]), let value = decoded(parts.count == 2 ? parts[1] : []) else {
                throw Malformed.syntax
            }
            guard form.updateValue(value, forKey: name) == nil else { throw Malformed.syntax }
        }
        return form
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
        let text = String(
            validating: bytes.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 },
            as: UTF8.self
        )
        guard let text, let decoded = percentDecoded(text), !decoded.utf8.contains(0) else { return nil }
        return decoded
    }
}
