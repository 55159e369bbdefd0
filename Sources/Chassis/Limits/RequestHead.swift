import NIOCore

/// What the connection must know of a request before it lets the request through.
struct RequestHead {
    /// How the body's end is found.
    enum Framing: Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// Method, target and version.
    var line: RequestLine
    /// How the body's end is found.
    var framing = Framing.none
    /// Whether the client will send another request on this connection.
    var keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    var expectsContinue = false
    /// The client's request id, when it sent a well-formed one.
    var requestID: RequestIdentity?

    /// Reads the lines that a scanner found; `lines` must not be empty.
    init(_ bytes: Span<UInt8>, lines: [Range<Int>]) throws(PlainRefusal) {
        line = try RequestLine(bytes.extracting(lines[0]))
        keepsAlive = line.minorVersion == 1
        var fields = FieldCheck()
        for range in lines.dropFirst() {
            try fields.add(bytes.extracting(range))
        }
        try apply(fields)
    }

    private mutating func apply(_ fields: FieldCheck) throws(PlainRefusal) {
        guard fields.hosts == 1 || fields.hosts == 0 && line.minorVersion == 0 else {
            throw .malformed("A request has exactly one Host field.")
        }
        if let coding = fields.transferCoding {
            guard coding == "chunked", line.minorVersion == 1, fields.contentLength == nil else {
                throw .malformed("The request's framing is ambiguous or of an unknown coding.")
            }
            framing = .chunked
        } else if let length = fields.contentLength {
            framing = length == 0 ? .none : .length(length)
        }
        switch fields.expectation {
        case nil: break
        case "100-continue": expectsContinue = framing != .none && line.minorVersion == 1
        default: throw .expectationFailed
        }
        if fields.asksToClose || fields.asksToUpgrade {
            keepsAlive = false
        } else if fields.asksToStay {
            keepsAlive = true
        }
        requestID = fields.requestID
    }
}

/// The request line of RFC 9112 section 3, in origin form only.
struct RequestLine {
    /// The path as it was sent, without the query.
    let path: String
    /// 0 or 1.
    let minorVersion: Int

    /// Reads `METHOD SP target SP HTTP/1.x`.
    init(_ bytes: Span<UInt8>) throws(PlainRefusal) {
        guard let first = bytes.firstIndex(of: UInt8(ascii: " "), from: 0),
            let second = bytes.firstIndex(of: UInt8(ascii: " "), from: first + 1), first > 0,
            second > first + 1
        else { throw .malformed("The request line is malformed.") }
        minorVersion = try Self.minorVersion(bytes.extracting((second + 1)..<bytes.count))
        try Self.check(method: bytes.extracting(0..<first))
        path = try Self.path(of: bytes.extracting((first + 1)..<second))
    }

    private static func minorVersion(_ bytes: Span<UInt8>) throws(PlainRefusal) -> Int {
        if bytes.equals("HTTP/1.1") { return 1 }
        if bytes.equals("HTTP/1.0") { return 0 }
        guard bytes.count == 8, bytes.extracting(0..<5).equals("HTTP/") else {
            throw .malformed("The request line is malformed.")
        }
        throw .versionNotSupported
    }

    private static func check(method: Span<UInt8>) throws(PlainRefusal) {
        if method.equals("GET") || method.equals("POST") || method.equals("PUT") || method.equals("PATCH")
            || method.equals("DELETE") || method.equals("HEAD") || method.equals("OPTIONS")
        {
            return
        }
        for index in method.indices where !FieldCheck.isToken(method[index]) {
            throw .malformed("The request line is malformed.")
        }
        throw .methodNotImplemented
    }

    /// The path of a target; what its percent-encoding stands for must be UTF-8 without NUL.
    private static func path(of target: Span<UInt8>) throws(PlainRefusal) -> String {
        guard target[0] == UInt8(ascii: "/") else {
            throw .malformed("The request target must be a path.")
        }
        var end = target.count
        var isPlain = true
        for index in target.indices {
            switch target[index] {
            case UInt8(ascii: "#"), UInt8(ascii: "\\"), ...0x20, 0x7f...:
                throw .malformed("The request target contains a character that must be percent-encoded.")
            case UInt8(ascii: "?") where end == target.count: end = index
            case UInt8(ascii: "%"): isPlain = false
            default: break
            }
        }
        let path = target.extracting(0..<end)
        if !isPlain { try checkEncoding(path) }
        return path.text
    }

    private static func checkEncoding(_ path: Span<UInt8>) throws(PlainRefusal) {
        var decoded: [UInt8] = []
        var index = 0
        while index < path.count {
            var byte = path[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < path.count, let high = hexValue(path[index + 1]),
                    let low = hexValue(path[index + 2])
                else { throw .malformed("The path's percent-encoding is malformed.") }
                byte = high << 4 | low
                guard byte != 0 else { throw .malformed("The path contains NUL.") }
                index += 2
            }
            decoded.append(byte)
            index += 1
        }
        guard String(validating: decoded, as: UTF8.self) != nil else {
            throw .malformed("The path is not UTF-8.")
        }
    }
}
