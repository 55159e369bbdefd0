import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import NIOCore
import Tokens

/// What a member of a body may be.
enum FieldRule: Sendable {
    /// Text of so many characters.
    case text(ClosedRange<Int>)
    /// The same, or null.
    case optionalText(ClosedRange<Int>)
    /// One of a closed set.
    case choice([String])
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// The same, or null.
    case optionalInteger(ClosedRange<Int>)
    /// True or false.
    case flag
    /// An object of at most so many bytes of JSON.
    case object(Int)

    var demand: String {
        switch self {
        case .text(let range): "a text of \(range.lowerBound) to \(range.upperBound) characters"
        case .optionalText(let range):
            "null or a text of \(range.lowerBound) to \(range.upperBound) characters"
        case .choice(let values): "one of \(values.joined(separator: ", "))"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .optionalInteger(let range):
            "null or a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .object(let bytes): "an object of at most \(bytes) bytes"
        }
    }

    /// A value as the rule reads it: `60.0` is a whole number as far as JSON Schema goes.
    func read(_ value: JSONValue) -> JSONValue {
        switch (self, value) {
        case (.integer, .number(let number)), (.optionalInteger, .number(let number)):
            Int64(exactly: number).map { .integer($0) } ?? value
        default: value
        }
    }

    /// Whether a value is what the rule takes.
    func takes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.text(let range), .string(let text)), (.optionalText(let range), .string(let text)):
            range.contains(text.unicodeScalars.count) && !text.utf8.contains(0)
        case (.optionalText, .null), (.optionalInteger, .null): true
        case (.choice(let values), .string(let text)):
            values.contains { $0.utf8.elementsEqual(text.utf8) }
        case (.integer(let range), .integer(let number)), (.optionalInteger(let range), .integer(let number)):
            Int(exactly: number).map(range.contains) ?? false
        case (.flag, .bool): true
        case (.object(let most), .object):
            {
                var json = JSONWriter()
                json.value(value)
                return json.bytes.count <= most && !value.holdsNUL
            }()
        default: false
        }
    }
}

extension JSONValue {
    /// Whether a text in it has a NUL, which the database cannot keep.
    fileprivate var holdsNUL: Bool {
        switch self {
        case .string(let text): text.utf8.contains(0)
        case .array(let values): values.contains(where: \.holdsNUL)
        case .object(let object):
            object.members.contains { $0.name.utf8.contains(0) || $0.value.holdsNUL }
        default: false
        }
    }
}

/// The members of a JSON body, taken one by one; what nobody took is refused by name.
struct Fields {
    /// The body as it came.
    let bytes: [UInt8]
    private let object: JSONObject?
    private var taken: Set<String> = []

    /// Reads the whole body: a JSON object, or nothing, which is taken for an empty one.
    init(_ request: Request) async throws {
        let buffer = try await request.collectBody()
        bytes = Array(buffer.readableBytesView)
        if bytes.isEmpty {
            object = nil
            return
        }
        let type = request.headers[.contentType].map { header in
            let words = header.utf8.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != UInt8(ascii: " ") }
            return String(decoding: words, as: UTF8.self).asciiLowercased
        }
        guard type == nil || type == "application/json" else {
            throw PlainRefusal.unsupportedMediaType
        }
        do {
            guard let object = try StrictJSON.parse(bytes, limits: .init(depth: 8, members: 64)).object else {
                throw AdminRefusal.invalid(field: "body", "The body is a JSON object.")
            }
            self.object = object
        } catch let error as JSONRefusal {
            throw AdminRefusal.invalid(
                field: "body",
                "The body is not JSON: \(error.reason.rawValue) at byte \(error.offset)."
            )
        }
    }

    /// A member that the rule takes; none when it is not there.
    mutating func value(_ name: String, _ rule: FieldRule) throws -> JSONValue? {
        taken.insert(name)
        guard let value = object?[name].map(rule.read) else { return nil }
        guard rule.takes(value) else {
            throw AdminRefusal.invalid(field: name, "\(name) takes \(rule.demand).")
        }
        return value
    }

    /// A text that must be there.
    mutating func requiredText(_ name: String, _ rule: FieldRule) throws -> String {
        guard let text = try value(name, rule)?.string else {
            throw AdminRefusal.invalid(field: name, "\(name) is missing: it takes \(rule.demand).")
        }
        return text
    }

    /// A text, if it is there.
    mutating func text(_ name: String, _ rule: FieldRule) throws -> String? {
        try value(name, rule)?.string
    }

    /// A whole number, if it is there.
    mutating func integer(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        try value(name, .integer(range))?.integer.map { Int($0) }
    }

    /// An id of the workspace's, if it is there: 1 to 64 of `[A-Za-z0-9_.-]`.
    mutating func identifier(_ name: String) throws -> String? {
        taken.insert(name)
        guard let value = object?[name] else { return nil }
        guard let text = value.string, ConnectedApp.ID(text: text) != nil else {
            throw AdminRefusal.invalid(field: name, "\(name) takes 1 to 64 of A-Z a-z 0-9 _ . -")
        }
        return text
    }

    /// A list of at most so many texts that `check` takes, no text twice; null is taken when `orNull`.
    mutating func texts(
        _ name: String,
        most: Int = 100,
        orNull: Bool = false,
        _ demand: String,
        _ check: (String) -> Bool
    ) throws -> [String]?? {
        taken.insert(name)
        guard let value = object?[name] else { return .none }
        if orNull, value.isNull { return .some(.none) }
        let refusal = AdminRefusal.invalid(
            field: name,
            "\(name) takes a list of at most \(most) of \(demand)."
        )
        guard let values = value.array, values.count <= most else { throw refusal }
        let texts = values.compactMap(\.string)
        guard texts.count == values.count, texts.allSatisfy({ check($0) && !$0.utf8.contains(0) }),
            Set(texts.map { Array($0.utf8) }).count == texts.count
        else { throw refusal }
        return texts
    }

    /// A moment in the future as RFC 3339 writes it, if it is there; null is none.
    mutating func instant(_ name: String, after now: Date) throws -> Date?? {
        taken.insert(name)
        guard let value = object?[name] else { return .none }
        if value.isNull { return .some(.none) }
        guard let text = value.string, let date = WireInstant.read(text), date > now else {
            throw AdminRefusal.invalid(
                field: name,
                "\(name) takes null or a moment in the future such as 2030-01-31T12:00:00Z."
            )
        }
        return date
    }

    /// Sets a column to a member that the rule takes, when it is there.
    mutating func set(
        _ column: String,
        of columns: inout Columns,
        from name: String,
        _ rule: FieldRule
    ) throws {
        if let value = try value(name, rule) { columns.set(column, value) }
    }

    /// Refuses what nobody took.
    func finish() throws {
        for (name, _) in object?.members ?? [] where !taken.contains(name) {
            throw AdminRefusal.invalid(
                field: name.boundedForDisplay,
                "This takes no \(name.boundedForDisplay)."
            )
        }
    }
}

/// Columns and what they become, as JSON that the database reads; a column that is not named stays.
struct Columns {
    private var members: [(String, JSONValue)] = []

    mutating func set(_ column: String, _ value: JSONValue) {
        members.append((column, value))
    }

    var isEmpty: Bool { members.isEmpty }

    var json: String {
        var json = JSONWriter()
        json.beginObject()
        for (column, value) in members {
            json.name(column)
            json.value(value)
        }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

extension String {
    /// At most 64 characters, for an answer that quotes its request.
    var boundedForDisplay: String {
        unicodeScalars.count <= 64 ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(64))) + "…"
    }
}
