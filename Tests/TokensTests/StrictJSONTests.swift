import Foundation
import Testing

@testable import Tokens

@Suite struct `The strict JSON parser` {
    private func parse(_ text: String, limits: StrictJSON.Limits = .init()) throws(JSONRefusal) -> JSONValue {
        try StrictJSON.parse(Array(text.utf8), limits: limits)
    }

    private func reason(_ bytes: [UInt8], limits: StrictJSON.Limits = .init()) -> JSONRefusal.Reason? {
        do {
            _ = try StrictJSON.parse(bytes, limits: limits)
            return nil
        } catch {
            return error.reason
        }
    }

    private func reason(_ text: String, limits: StrictJSON.Limits = .init()) -> JSONRefusal.Reason? {
        reason(Array(text.utf8), limits: limits)
    }

    @Test func `reads every kind of value`() throws {
        let text = #" {"a":[true,false,null,-12,1.5,2e2],"b":{"c":"x\n\u00e9\uD834\uDD1E\/"}} "#
        let object = try #require(try parse(text).object)
        let elements = try #require(object["a"]?.array)
        #expect(elements[0].bool == true)
        #expect(elements[1].bool == false)
        #expect(elements[2].isNull)
        #expect(elements[3].integer == -12)
        guard case .number(1.5) = elements[4], case .number(200) = elements[5] else {
            Issue.record("numbers read wrongly")
            return
        }
        #expect(object["b"]?.object?["c"]?.string == "x\né𝄞/")
        #expect(object["missing"] == nil)
    }

    @Test(arguments: [
        #"{"alg":"RS256","alg":"none"}"#,
        #"{"alg":"RS256","\u0061lg":"none"}"#,
        "{\"caf\u{E9}\":1,\"cafe\u{301}\":2}",
        #"{"caf\u00e9":1,"cafe\u0301":2}"#,
    ])
    func `refuses a name given twice however it is spelled`(text: String) {
        #expect(reason(text) == .duplicateName)
    }

    @Test func `refuses a repeated name among many`() {
        let names = (0..<60).map { "\"n\($0)\":0" }.joined(separator: ",")
        #expect(reason("{\(names)}") == nil)
        #expect(reason("{\(names),\"n3\":0}") == .duplicateName)
        #expect(reason("{\(names),\"n59\":0}") == .duplicateName)
    }

    @Test func `looks names up by bytes and not by canonical equivalence`() throws {
        let object = try #require(try parse("{\"cafe\u{301}\":1}").object)
        #expect(object["caf\u{E9}"] == nil)
        #expect(object["cafe\u{301}"]?.integer == 1)
    }

    @Test func `allows the depth it was told and no more`() {
        #expect(reason(String(repeating: "[", count: 16) + String(repeating: "]", count: 16)) == nil)
        #expect(reason(String(repeating: "[", count: 17) + String(repeating: "]", count: 17)) == .tooDeep)
        #expect(reason(String(repeating: #"{"a":"#, count: 17)) == .tooDeep)
        #expect(reason("[[]]", limits: .init(depth: 1)) == .tooDeep)
    }

    @Test func `allows the members it was told and no more`() {
        let text = { (count: Int) in "{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}" }
        #expect(reason(text(64)) == nil)
        #expect(reason(text(65)) == .tooManyMembers)
        #expect(reason(text(3), limits: .init(members: 2)) == .tooManyMembers)
    }

    @Test(arguments: [
        ("9007199254740992", true), ("-9007199254740992", true), ("9007199254740993", false),
        ("-9007199254740993", false), ("18446744073709551617", false), ("1e400", false), ("-0", true),
        (String(repeating: "9", count: 400), false),
    ])
    func `keeps integers within 2^53 and numbers finite`(text: String, isAccepted: Bool) {
        #expect(reason(text) == (isAccepted ? nil : .numberOutOfRange))
    }

    @Test(arguments: [
        #""\uD834""#, #""\uD834\u0041""#, #""\uDD1E\uD834""#, #""\uDD1E""#, #""\uD834x""#, #""\uD834\n""#,
    ])
    func `refuses half a surrogate pair`(text: String) {
        #expect(reason(text) == .invalidText)
    }

    @Test func `refuses what is not UTF-8 with or without escapes beside it`() {
        #expect(reason([0x22, 0xFF, 0x22]) == .invalidText)
        #expect(reason(Array(#""\n"#.utf8) + [0xC3, 0x22]) == .invalidText)
        #expect(reason([0x22, 0xED, 0xA0, 0x80, 0x22]) == .invalidText)
    }

    @Test func `refuses a byte order mark, UTF-16, trailing commas and trailing bytes`() {
        #expect(reason([0xEF, 0xBB, 0xBF, 0x7B, 0x7D]) == .unexpectedByte)
        #expect(reason([0x7B, 0x00, 0x7D, 0x00]) == .unexpectedByte)
        #expect(reason("[1,]") == .unexpectedByte)
        #expect(reason(#"{"a":1,}"#) == .unexpectedByte)
        #expect(reason("{} {}") == .trailingBytes)
        #expect(reason("{}\0") == .trailingBytes)
        #expect(reason("") == .unexpectedEnd)
        #expect(reason(#"{"a""#) == .unexpectedEnd)
    }

    @Test func `says where it stopped`() {
        #expect(throws: JSONRefusal(reason: .unexpectedByte, offset: 5)) { try parse(#"{"a":x}"#) }
    }

    @Test func `never fails but by refusing`() throws {
        var generator = SeededGenerator(state: 41)
        let seed = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"c":true}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: index)
                }
            }
            guard let value = try? StrictJSON.parse(bytes) else { continue }
            // What was accepted is JSON to Foundation too, and says the same when written again.
            #expect(throws: Never.self) {
                try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            }
            var writer = JSONWriter()
            writer.value(value)
            let again = try StrictJSON.parse(writer.bytes)
            var second = JSONWriter()
            second.value(again)
            #expect(writer.bytes == second.bytes)
        }
    }
}

@Suite struct `The JSON writer` {
    @Test func `escapes what must be escaped and leaves the rest`() throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("a\"b")
        writer.string("\u{0}\u{1F}\"\\/é\u{2028}😀\n")
        writer.name("list")
        writer.beginArray()
        writer.integer(-1)
        writer.bool(true)
        writer.null()
        writer.number(0.5)
        writer.beginObject()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(
            text == #"{"a\"b":"\u0000\u001f\"\\/é"# + "\u{2028}😀"
                + #"\u000a","list":[-1,true,null,0.5,{}]}"#
        )
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(writer.bytes)) }
    }
}

@Suite(.needsVectors) struct `The parser against JSONTestSuite` {
    /// We refuse a repeated name, which RFC 8259 section 4 only advises against.
    private static let refusedByPolicy: Set<String> = [
        "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json",
    ]

    @Test func `accepts every y_ file but repeated names`() throws {
        let files = try Vectors.files(in: "json").filter { $0.hasPrefix("y_") }
        #expect(files.count == 95)
        for file in files {
            let isAccepted = (try? StrictJSON.parse(Vectors.bytes("json/" + file))) != nil
            #expect(isAccepted != Self.refusedByPolicy.contains(file), "\(file)")
        }
    }

    @Test func `refuses every n_ file`() throws {
        let files = try Vectors.files(in: "json").filter { $0.hasPrefix("n_") }
        #expect(files.count > 180)
        for file in files {
            #expect(throws: JSONRefusal.self, "\(file)") {
                try StrictJSON.parse(Vectors.bytes("json/" + file))
            }
        }
    }

    @Test func `survives every i_ file`() throws {
        for file in try Vectors.files(in: "json") where file.hasPrefix("i_") {
            _ = try? StrictJSON.parse(Vectors.bytes("json/" + file))
        }
    }
}
