/// Reads one JSON text from its first byte to its last.
struct JSONParser {
    let bytes: [UInt8]
    private let limits: StrictJSON.Limits
    var position = 0

    init(bytes: [UInt8], limits: StrictJSON.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONRefusal) -> JSONValue {
        skipSpace()
        let value = try value(depth: 0)
        skipSpace()
        if position < bytes.count { throw refusal(.trailingBytes) }
        return value
    }

    func refusal(_ reason: JSONRefusal.Reason) -> JSONRefusal {
        JSONRefusal(reason: reason, offset: position)
    }

    /// The next byte, not consumed.
    func peek() throws(JSONRefusal) -> UInt8 {
        guard position < bytes.count else { throw refusal(.unexpectedEnd) }
        return bytes[position]
    }

    private mutating func value(depth: Int) throws(JSONRefusal) -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw refusal(.unexpectedByte)
        }
    }

    private mutating func object(depth: Int) throws(JSONRefusal) -> JSONObject {
        if depth > limits.depth { throw refusal(.tooDeep) }
        position += 1
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return JSONObject(members: [])
        }
        var names = NameRegister()
        var members: [(name: String, value: JSONValue)] = []
        while true {
            if members.count == limits.members { throw refusal(.tooManyMembers) }
            guard try peek() == UInt8(ascii: "\"") else { throw refusal(.unexpectedByte) }
            let name = try string()
            guard names.admit(name) else { throw refusal(.duplicateName) }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            members.append((name, try value(depth: depth)))
            skipSpace()
            guard try continues(until: UInt8(ascii: "}")) else { return JSONObject(members: members) }
        }
    }

    private mutating func array(depth: Int) throws(JSONRefusal) -> [JSONValue] {
        if depth > limits.depth { throw refusal(.tooDeep) }
        position += 1
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return []
        }
        var elements: [JSONValue] = []
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            guard try continues(until: UInt8(ascii: "]")) else { return elements }
        }
    }

    /// Consumes a comma (true) or the closing byte (false).
    private mutating func continues(until close: UInt8) throws(JSONRefusal) -> Bool {
        let byte = try peek()
        guard byte == UInt8(ascii: ",") || byte == close else { throw refusal(.unexpectedByte) }
        position += 1
        if byte == close { return false }
        skipSpace()
        return true
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONRefusal) -> JSONValue {
        for byte in text.utf8 {
            try expect(byte)
        }
        return value
    }

    private mutating func expect(_ byte: UInt8) throws(JSONRefusal) {
        guard try peek() == byte else { throw refusal(.unexpectedByte) }
        position += 1
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}

/// The names of one object so far.
///
/// `==` and hashing of `String` are those of canonical equivalence, which is what is wanted here and only here.
private struct NameRegister {
    private var few: [String] = []
    private var many: Set<String> = []

    /// Whether the name is new.
    mutating func admit(_ name: String) -> Bool {
        if many.isEmpty {
            if few.contains(name) { return false }
            few.append(name)
            if few.count == 24 { many = Set(few) }
            return true
        }
        return many.insert(name).inserted
    }
}
