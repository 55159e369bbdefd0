/// What the header fields of one request say about the connection, gathered line by line.
struct FieldCheck {
    private(set) var hosts = 0
    private(set) var contentLength: Int?
    private(set) var transferCoding: String?
    private(set) var expectation: String?
    private(set) var asksToClose = false
    private(set) var asksToStay = false
    private(set) var asksToUpgrade = false
    private(set) var requestID: RequestIdentity?
    private var authorizations = 0
    private var userAuthorizations = 0

    /// Takes one field line without its CRLF.
    mutating func add(_ line: Span<UInt8>) throws(PlainRefusal) {
        // A line that begins with a space continues the one before it (obs-fold), which RFC 9112 section
        // 5.2 lets us refuse.
        var colon = 0
        while colon < line.count, Self.isToken(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
            throw .malformed("A header field is malformed.")
        }
        let name = line.extracting(0..<colon)
        switch colon {
        case 4 where name.equalsIgnoringCase("host"):
            try addHost(line.extracting(Self.value(of: line, after: colon)))
        case 6 where name.equalsIgnoringCase("expect"):
            expectation = line.extracting(Self.value(of: line, after: colon)).text.lowercased()
        case 7 where name.equalsIgnoringCase("upgrade"): asksToUpgrade = true
        case 10 where name.equalsIgnoringCase("connection"):
            addConnection(line.extracting(Self.value(of: line, after: colon)).text.lowercased())
        case 12 where name.equalsIgnoringCase("x-request-id"):
            requestID = RequestIdentity(line.extracting(Self.value(of: line, after: colon)).text)
        case 13 where name.equalsIgnoringCase("authorization"):
            authorizations += 1
            if authorizations > 1 { throw .malformed("A request has at most one Authorization field.") }
        case 14 where name.equalsIgnoringCase("content-length"):
            try addLength(line.extracting(Self.value(of: line, after: colon)))
        case 15 where name.equalsIgnoringCase("x-authorization"):
            userAuthorizations += 1
            if userAuthorizations > 1 { throw .malformed("A request has at most one X-Authorization field.") }
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            guard transferCoding == nil else {
                throw .malformed("A request has at most one Transfer-Encoding field.")
            }
            transferCoding = line.extracting(Self.value(of: line, after: colon)).text.lowercased()
        default: break
        }
    }

    private mutating func addHost(_ value: Span<UInt8>) throws(PlainRefusal) {
        hosts += 1
        guard hosts == 1 else { throw .malformed("A request has exactly one Host field.") }
        for index in value.indices {
            switch value[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"),
                UInt8(ascii: "["), UInt8(ascii: "]"):
                break
            default: throw .malformed("The Host field is malformed.")
            }
        }
    }

    private mutating func addLength(_ value: Span<UInt8>) throws(PlainRefusal) {
        guard contentLength == nil else {
            throw .malformed("A request has at most one Content-Length field.")
        }
        guard (1...18).contains(value.count) else {
            throw .malformed("The Content-Length field is malformed.")
        }
        var length = 0
        for index in value.indices {
            guard case UInt8(ascii: "0")...UInt8(ascii: "9") = value[index] else {
                throw .malformed("The Content-Length field is malformed.")
            }
            length = length * 10 + Int(value[index] - UInt8(ascii: "0"))
        }
        contentLength = length
    }

    private mutating func addConnection(_ value: String) {
        for option in value.split(separator: ",") {
            switch option.trimming(" ") {
            case "close": asksToClose = true
            case "keep-alive": asksToStay = true
            default: break
            }
        }
    }

    /// The value without the white space around it.
    private static func value(of line: Span<UInt8>, after colon: Int) -> Range<Int> {
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == UInt8(ascii: " ") || line[start] == UInt8(ascii: "\t") {
            start += 1
        }
        while end > start, line[end - 1] == UInt8(ascii: " ") || line[end - 1] == UInt8(ascii: "\t") {
            end -= 1
        }
        return start..<end
    }

    /// Whether a byte may stand in a token: RFC 9110 section 5.6.2.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
            UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"),
            UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

extension Span<UInt8> {
    /// The first place of a byte at or after an index.
    func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        var index = start
        while index < count {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Whether the bytes are those of an ASCII literal.
    func equals(_ literal: StaticString) -> Bool {
        guard literal.utf8CodeUnitCount == count else { return false }
        // A static string's bytes live as long as the program.
        return literal.withUTF8Buffer { other in
            for index in indices where unsafe self[index] != other[index] { return false }
            return true
        }
    }

    /// Whether the bytes are those of a lower-case ASCII literal when their letters are lowered.
    func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard literal.utf8CodeUnitCount == count else { return false }
        return literal.withUTF8Buffer { other in
            for index in indices {
                let byte = self[index]
                let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                if unsafe (isUpper ? byte | 0x20 : byte) != other[index] { return false }
            }
            return true
        }
    }

    /// The bytes as a text, repaired where they are not UTF-8.
    var text: String {
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
