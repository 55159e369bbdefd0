import Domain
import FoundationEssentials
import Testing

@Suite struct `An identifier kept as text` {
    @Test(arguments: ["a", "Z", "7", "_", ".", "-", "studio", "app_0123456789ABCDEFGHIJ", "a.b-c_D"])
    func `takes plain letters, digits, underscore, dot and hyphen`(_ text: String) {
        #expect(ConnectedApp.ID(text: text)?.raw == text)
    }

    @Test func `is 1 to 64 bytes long`() {
        #expect(ConnectedApp.ID(text: "") == nil)
        #expect(ConnectedApp.ID(text: String(repeating: "a", count: 64)) != nil)
        #expect(ConnectedApp.ID(text: String(repeating: "a", count: 65)) == nil)
        #expect(ConnectedApp.ID.maximumLength == 64)
    }

    @Test(arguments: 0...UInt8.max)
    func `takes no other byte`(_ byte: UInt8) {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-".utf8
        let text = "a" + String(UnicodeScalar(byte))
        #expect((ConnectedApp.ID(text: text) != nil) == (byte < 0x80 && alphabet.contains(byte)))
    }

    @Test(
        arguments: [
            "\u{212A}ey",  // Kelvin sign: folds to k
            "\u{017F}tudio",  // long s: folds to s
            "studi\u{043E}",  // Cyrillic o
            "stud\u{0131}o",  // dotless i
            "\u{FF53}tudio",  // full-width s
            "cafe\u{0301}",  // decomposed é
            "caf\u{00E9}",
            "\u{0661}",  // Arabic-Indic digit
            "a\u{200B}b",  // zero-width space
            "studio\u{0}",
            "studio\n",
        ]
    )
    func `takes nothing that merely looks like them`(_ text: String) {
        #expect(ConnectedApp.ID(text: text) == nil)
    }

    @Test func `tells upper from lower case`() {
        #expect(ConnectedApp.ID(text: "Studio") != ConnectedApp.ID(text: "studio"))
    }

    @Test(
        arguments: [
            ("app_0123456789abcdefghij", true, false),
            ("app_", true, false),
            ("App_0123456789abcdefghij", false, true),
            ("scli_0123456789abcdef", false, false),
            ("scli", false, true),
            ("app", false, true),
            ("studio", false, true),
            ("my.app_1", false, true),
        ]
    )
    func `of an app tells what was generated from what may be chosen`(
        _ text: String,
        _ isGenerated: Bool,
        _ mayBeChosen: Bool
    ) {
        #expect(ConnectedApp.ID(text).isGenerated == isGenerated)
        #expect(ConnectedApp.ID(text).mayBeChosen == mayBeChosen)
    }
}

@Suite struct `An identifier kept as a UUID` {
    private let text = "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b"
    private let hex = "0197a3b4c5d67e8f9a0b1c2d3e4f5a6b"

    @Test func `reads the text with hyphens in either case and writes it in lower case`() throws {
        let lower = try #require(User.ID(text: text))
        let upper = try #require(User.ID(text: text.uppercased()))
        #expect(lower == upper)
        #expect(lower.text == text)
        #expect(lower.raw == UUID(uuidString: text))
    }

    @Test(
        arguments: [
            "",
            "0197a3b4c5d67e8f9a0b1c2d3e4f5a6b",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6bb",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6g",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b\n",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b\u{0}",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b\u{0}rest",
            " 0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b",
            "{0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b}",
            "0197a3b-4c5d6-7e8f-9a0b-1c2d3e4f5a6b",
            "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6\u{FF42}",
            "0197a3b4\u{2010}c5d6\u{2010}7e8f\u{2010}9a0b\u{2010}1c2d3e4f5a6b",
        ]
    )
    func `reads no other text`(_ text: String) {
        #expect(User.ID(text: text) == nil)
    }

    @Test func `reads and writes 32 lower-case hexadecimal digits`() throws {
        let id = try #require(User.ID(hex: hex))
        #expect(id.text == text)
        #expect(id.hex == hex)
    }

    @Test(
        arguments: [
            "", "0197A3B4C5D67E8F9A0B1C2D3E4F5A6B", "0197a3b4c5d67e8f9a0b1c2d3e4f5a6",
            "0197a3b4c5d67e8f9a0b1c2d3e4f5a6b0",
            "0197a3b4c5d67e8f9a0b1c2d3e4f5a6g", "0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b",
            "0197a3b4c5d67e8f9a0b1c2d3e4f5a6-",
            "0197a3b4c5d67e8f9a0b1c2d3e4f5a6\u{FF42}", "0197a3b4c5d67e8f9a0b1c2d3e4f5a\u{0}b",
            "+197a3b4c5d67e8f9a0b1c2d3e4f5a6b",
        ]
    )
    func `reads no other digits`(_ hex: String) {
        #expect(User.ID(hex: hex) == nil)
    }

    @Test func `of a workspace reads and writes a reference`() throws {
        let id = try #require(Workspace.ID(reference: "ws_" + hex))
        #expect(id.text == text)
        #expect(id.reference == "ws_" + hex)
    }

    @Test(
        arguments: [
            "", "ws_", "0197a3b4c5d67e8f9a0b1c2d3e4f5a6b", "WS_0197a3b4c5d67e8f9a0b1c2d3e4f5a6b",
            "ws-0197a3b4c5d67e8f9a0b1c2d3e4f5a6b", "ws_0197A3b4c5d67e8f9a0b1c2d3e4f5a6b",
            "ws_0197a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b", "ws_0197a3b4c5d67e8f9a0b1c2d3e4f5a6b0",
            " ws_0197a3b4c5d67e8f9a0b1c2d3e4f5a6b", "ws_\u{301}0197a3b4c5d67e8f9a0b1c2d3e4f5a6b",
        ]
    )
    func `of a workspace reads no other reference`(_ reference: String) {
        #expect(Workspace.ID(reference: reference) == nil)
    }
}

@Suite struct `Lower case of ASCII` {
    @Test func `changes A to Z and nothing else`() {
        #expect("AZaz09@[`{_-".asciiLowercased == "azaz09@[`{_-")
    }

    @Test(arguments: ["\u{212A}", "\u{0130}", "É", "Ω", "\u{1E9E}"])
    func `leaves letters of other scripts as they are`(_ letter: String) {
        #expect(Array(letter.asciiLowercased.utf8) == Array(letter.utf8))
    }
}
