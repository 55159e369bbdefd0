import Logging

/// The bytes of one log line, built field by field.
///
/// Whatever a value contains, the line stays one line and its fields stay apart: control characters, quotes,
/// backslashes and the Unicode line separators are escaped. Long values are cut, and a line never exceeds
/// what the sink takes whole.
struct LogLine {
    private(set) var bytes: [UInt8] = []
    private let format: LogFormat
    private var isFull = false

    private static let longestValue = 1024
    private static let room = LogSink.longestLine - 32

    init(_ format: LogFormat, level: Logger.Level, message: String, at time: Timestamp) {
        self.format = format
        bytes.reserveCapacity(384)
        switch format {
        case .text:
            time.append(to: &bytes)
            bytes.append(UInt8(ascii: " "))
            put(level.rawValue)
            bytes.append(UInt8(ascii: " "))
            escape(message, quoting: false)
        case .json:
            put(#"{"time":""#)
            time.append(to: &bytes)
            put(#"","level":""#)
            put(level.rawValue)
            put(#"","message":""#)
            escape(message, quoting: true)
            bytes.append(UInt8(ascii: "\""))
        }
    }

    /// Adds one field; once the line is full, says so and leaves out the rest.
    mutating func add(_ key: String, _ value: Logger.MetadataValue) {
        guard !isFull else { return }
        let before = bytes.count
        begin(key)
        switch value {
        case .string(let text):
            add(text: text)
        case .stringConvertible(let number as Int):
            put(String(number))
        case .stringConvertible(let number as Double) where number.isFinite:
            put("\(number)")
        case .stringConvertible(let other):
            add(text: other.description)
        case .array, .dictionary:
            add(text: value.description)
        }
        if bytes.count > Self.room {
            bytes.removeSubrange(before...)
            isFull = true
            begin("truncated")
            put("true")
        }
    }

    /// The finished line with its newline.
    consuming func finished() -> [UInt8] {
        if format == .json { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func begin(_ key: String) {
        switch format {
        case .text:
            bytes.append(UInt8(ascii: " "))
            escape(key, quoting: false)
            bytes.append(UInt8(ascii: "="))
        case .json:
            put(",\"")
            escape(Self.reserved.contains(key) ? "\(key)_" : key, quoting: true)
            put("\":")
        }
    }

    private static let reserved: Set<String> = ["time", "level", "message"]

    private mutating func add(text: String) {
        let quoting = format == .json || text.isEmpty || !text.utf8.allSatisfy(Self.isPlain)
        if quoting { bytes.append(UInt8(ascii: "\"")) }
        escape(text, quoting: quoting)
        if quoting { bytes.append(UInt8(ascii: "\"")) }
    }

    /// Whether a byte can stand in a text value without quotes.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }

    private mutating func put(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func escape(_ text: String, quoting: Bool) {
        JSONText.escape(text, upTo: Self.longestValue, quotes: quoting, to: &bytes)
    }
}
