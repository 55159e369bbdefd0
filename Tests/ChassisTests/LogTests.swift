import Foundation
import Logging
import Testing

@testable import Chassis

@Suite struct `A log line` {
    private func write(
        _ format: LogFormat,
        _ message: String,
        _ metadata: Logger.Metadata = [:]
    ) throws -> [String] {
        let file = try LogFile()
        let handler = LineLogHandler(sink: file.sink, format: format, level: .trace)
        var logger = Logger(label: "tested") { _ in handler }
        logger[.workspace] = "demo"
        logger.notice("\(message)", metadata: metadata)
        return file.lines
    }

    @Test func `of text has time, level, message and sorted fields`() throws {
        let line = try #require(write(.text, "Key activated.", .of([.kid: "k1", .app: "two words"])).first)
        #expect(line.hasSuffix(#"Z notice Key activated. app="two words" kid=k1 workspace=demo"#))
        #expect(line.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z .*/) != nil)
    }

    @Test func `of JSON is an object with numbers as numbers`() throws {
        let metadata: Logger.Metadata = .of([
            .status: .stringConvertible(204), .duration: .stringConvertible(0.25),
        ])
        let line = try #require(write(.json, "Done.", metadata).first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "Done.")
        #expect(object["level"] as? String == "notice")
        #expect(object["workspace"] as? String == "demo")
        #expect(object["status"] as? Int == 204)
        #expect(object["duration_ms"] as? Double == 0.25)
    }

    static let hostile = [
        "a\nnotice forged", "a\r\nb", "\u{0}\u{1}\u{1b}[31m", "quote\" back\\slash", "\u{85}\u{9b}",
        "\u{2028}\u{2029}",
        "tab\there", "\u{7f}", "ünïcödé 🙂", "=", "", " ", "x\u{e2}y", "{\"level\":\"error\"}",
    ]

    @Test(arguments: hostile, LogFormat.allCases)
    func `stays one line whatever a value holds`(value: String, format: LogFormat) throws {
        let lines = try write(format, "Message \(value)", .of([.reason: .string(value), .name: "last"]))
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        let isLineBreak: (Unicode.Scalar) -> Bool = { scalar in
            scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
                || [0x2028, 0x2029].contains(scalar.value)
        }
        #expect(!line.unicodeScalars.contains(where: isLineBreak))
        if format == .json {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            )
            #expect(object["reason"] as? String == value)
            #expect(object["message"] as? String == "Message \(value)")
        }
    }

    @Test func `cannot have its own keys replaced`() throws {
        let line = try #require(write(.json, "True.", ["level": "critical", "message": "False."]).first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "True.")
        #expect(object["level"] as? String == "notice")
        #expect(object["message_"] as? String == "False.")
    }

    @Test(arguments: LogFormat.allCases)
    func `is never longer than what a pipe takes whole`(format: LogFormat) throws {
        var metadata: Logger.Metadata = [:]
        for index in 0..<40 { metadata["key\(index)"] = .string(String(repeating: "\u{1}é", count: 3000)) }
        let line = try #require(write(format, String(repeating: "m", count: 9000), metadata).first)
        #expect(line.utf8.count < 4096)
        #expect(line.contains("truncated"))
        if format == .json {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
    }

    @Test func `says what an error is`() throws {
        let file = try LogFile()
        let handler = LineLogHandler(sink: file.sink, format: .json, level: .info)
        let logger = Logger(label: "tested") { _ in handler }
        logger.info("Failed.", error: SettingsError(name: "X", reason: "is wrong"))
        #expect(file.objects.first?["error"] as? String == "X is wrong")
    }

    @Test func `has the right date in leap years and out of them`() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_752_248_803, "2025-07-11T15:46:43.000Z"), (1_735_689_599, "2024-12-31T23:59:59.000Z"),
        ]
        for (seconds, expected) in cases {
            var bytes: [UInt8] = []
            Timestamp(seconds: seconds, milliseconds: 0).append(to: &bytes)
            #expect(String(decoding: bytes, as: UTF8.self) == expected)
        }
    }
}

@Suite struct `A log sink` {
    @Test func `drops lines instead of waiting for a reader, and says so later`() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { close(ends[0]) }
        let sink = LogSink(descriptor: ends[1])
        let line = Array(repeating: UInt8(ascii: "x"), count: 1000) + [UInt8(ascii: "\n")]
        for _ in 0..<200 { sink.write(line) }
        #expect(sink.dropped > 0)
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        let first = unsafe read(ends[0], &buffer, buffer.count)
        #expect(first % line.count == 0, "only whole lines went out")
        let lost = sink.dropped
        sink.write(line)
        close(ends[1])
        let second = unsafe read(ends[0], &buffer, buffer.count)
        let text = String(decoding: buffer.prefix(second), as: UTF8.self)
        #expect(text.hasPrefix("chassis: \(lost) log lines were dropped\n"))
        #expect(sink.dropped == lost)
    }

    @Test func `costs little`() throws {
        let file = try LogFile()
        let handler = LineLogHandler(sink: file.sink, format: .json, level: .info)
        let logger = Logger(label: "tested") { _ in handler }
        let count = 2000
        let time = ContinuousClock().measure {
            for index in 0..<count {
                logger.info(
                    "Request answered.",
                    metadata: .of([.status: .stringConvertible(index), .route: "/x"])
                )
            }
        }
        #expect(time / count < .milliseconds(1), "a sanity bound for debug builds on busy machines")
        #expect(file.lines.count == count)
    }
}
