import Domain
import Testing

@Suite struct `An email address` {
    @Test(
        arguments: [
            "a@b.c", "ada@example.com", "Ada.Lovelace+notes@mail.example.co.uk",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "1@1.2", "x@a-b.example", "x@xn--bcher-kva.example",
        ]
    )
    func `is taken as it was written`(_ text: String) {
        #expect(EmailAddress(text)?.text == text)
    }

    @Test func `is the same person's in any case`() throws {
        let address = try #require(EmailAddress("Ada@Example.COM"))
        #expect(address.text == "Ada@Example.COM")
        #expect(address.key == "ada@example.com")
    }

    @Test func `is at most 254 bytes long, 64 of them before the sign and 63 in each label`() {
        let label = String(repeating: "d", count: 63)
        let local = String(repeating: "l", count: 64)
        #expect(EmailAddress("\(local)@\(label).com") != nil)
        #expect(EmailAddress("l\(local)@\(label).com") == nil)
        #expect(EmailAddress("a@\(label)d.com") == nil)
        // 64 + 1 + 189: three labels of 63, 63 and 61 with two dots.
        let longest = "\(local)@\(label).\(label).\(label.dropLast(2))"
        #expect(longest.utf8.count == 254)
        #expect(EmailAddress(longest) != nil)
        #expect(EmailAddress("\(longest)d") == nil)
    }

    @Test(
        arguments: [
            "", "@", "a@", "@b.c", "a.b.c", "a@b", "a@@b.c", "a@b@c.d", "a@b.", "a@.b", "a@b..c", "a@-b.c",
            "a@b-.c",
            "a@b.c-", "a@b.-c", ".a@b.c", "a.@b.c", "a..b@c.d", "a b@c.d", "a@b c.d", " a@b.c", "a@b.c ",
            "a@b.c\n",
            "a\u{0}@b.c", "a@b.c\u{0}", "a\r\nBcc: x@y.z", "\"a\"@b.c", "a@[127.0.0.1]", "a(b)@c.d",
            "a,b@c.d", "a:b@c.d",
            "<a@b.c>", "a\\b@c.d", "a@b_c.d", "a@b/c.d",
        ]
    )
    func `is nothing that mail systems disagree on`(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test(
        arguments: [
            "\u{212A}im@example.com", "ad\u{0430}@example.com", "ada@ex\u{0430}mple.com",
            "ada@example\u{3002}com",
            "ada\u{FF20}example.com", "\u{017F}am@example.com", "jos\u{00E9}@example.com",
            "a\u{200D}b@example.com",
        ]
    )
    func `is nothing that merely looks like one`(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }
}
