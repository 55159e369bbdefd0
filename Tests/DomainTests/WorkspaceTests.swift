import Domain
import Testing

@Suite struct `A workspace's slug` {
    @Test(arguments: ["a", "0", "demo", "demo-2", "a-", "a--b", "7up", String(repeating: "x", count: 63)])
    func `begins with a letter or digit and has up to 63 letters, digits and hyphens`(_ slug: String) {
        #expect(Workspace.isSlug(slug))
    }

    @Test(
        arguments: [
            "", "-", "-demo", "Demo", "demO", "de mo", "de_mo", "de.mo", "demo\n", "demo\u{0}", "d\u{00E9}mo",
            "\u{212A}elvin", "dem\u{043E}", "demo/", "`", "{", "@", "[", "/", ":",
            String(repeating: "x", count: 64),
        ]
    )
    func `is nothing else`(_ slug: String) {
        #expect(!Workspace.isSlug(slug))
    }
}

@Suite struct `A workspace's limits` {
    @Test func `are what the contract says unless set`() {
        let limits = WorkspaceLimits()
        #expect(limits.exchangesPerMinute == nil)
        #expect(limits.signInsPerMinute == 100)
        #expect(limits.failuresPerQuarterHour == 10)
    }
}
