import Domain
import FoundationEssentials
import Testing

@Suite struct `A view of the configuration` {
    @Test func `finds a workspace by id, reference, slug, host, issuer, client id and generated id`() throws {
        var view = ConfigurationView<String>()
        let apps = [
            app("app_0123456789abcdefghij", clientID: "scli_one"), app("chosen", clientID: "scli_two"),
        ]
        view.serve(snapshot(1, slug: "demo", host: "auth.demo.example", apps: apps), as: "demo entry")

        let id = workspaceID(1)
        #expect(view[id]?.entry == "demo entry")
        for found in [
            view.workspace(named: id.reference), view.workspace(named: "demo"),
            view.workspace(ofHost: "auth.demo.example"),
            view.workspace(ofIssuer: "https://sso.example/w/demo"),
            view.workspace(ofApp: "scli_one"), view.workspace(ofApp: "scli_two"),
            view.workspace(ofApp: "app_0123456789abcdefghij"),
        ] {
            #expect(found?.snapshot.workspace.id == id)
        }
    }

    @Test(
        arguments: [
            "rival", "Demo", "", "ws_", "ws_01970000000070008000000000000002",
            "01970000-0000-7000-8000-000000000001",
        ]
    )
    func `finds none by a name it does not know`(_ name: String) {
        var view = ConfigurationView<String>()
        view.serve(snapshot(1, slug: "demo"), as: "")
        #expect(view.workspace(named: name) == nil)
        #expect(view.workspace(ofHost: name) == nil)
        #expect(view.workspace(ofIssuer: name) == nil)
        #expect(view.workspace(ofApp: name) == nil)
    }

    @Test func `does not find a workspace by an app id that its owner chose`() {
        var view = ConfigurationView<String>()
        view.serve(snapshot(1, slug: "demo", apps: [app("studio", clientID: "scli_one")]), as: "")
        #expect(view.workspace(ofApp: "studio") == nil)
    }

    @Test func `takes a newer state and drops an older one`() {
        var view = ConfigurationView<String>()
        view.serve(snapshot(1, epoch: 5, slug: "demo"), as: "five")
        view.serve(snapshot(1, epoch: 4, slug: "older"), as: "four")
        #expect(view[workspaceID(1)]?.entry == "five")
        #expect(view.workspace(named: "older") == nil)
        view.serve(snapshot(1, epoch: 6, slug: "demo"), as: "six")
        #expect(view[workspaceID(1)]?.entry == "six")
        #expect(view.epochs == [workspaceID(1): 6])
    }

    @Test func `takes the same epoch again`() {
        var view = ConfigurationView<String>()
        view.serve(snapshot(1, epoch: 5, slug: "demo"), as: "first")
        view.serve(snapshot(1, epoch: 5, slug: "demo"), as: "second")
        #expect(view[workspaceID(1)]?.entry == "second")
    }

    @Test func `forgets every name that a newer state no longer has`() {
        var view = ConfigurationView<String>()
        let apps = [app("app_0123456789abcdefghij", clientID: "scli_one")]
        view.serve(snapshot(1, slug: "demo", host: "auth.demo.example", apps: apps), as: "")
        view.serve(snapshot(1, epoch: 2, slug: "renamed"), as: "")
        #expect(view.workspace(named: "renamed") != nil)
        #expect(view.workspace(named: "demo") == nil)
        #expect(view.workspace(ofIssuer: "https://sso.example/w/demo") == nil)
        #expect(view.workspace(ofHost: "auth.demo.example") == nil)
        #expect(view.workspace(ofApp: "scli_one") == nil)
        #expect(view.workspace(ofApp: "app_0123456789abcdefghij") == nil)
    }

    @Test func `forgets every name of a workspace that is gone`() {
        var view = ConfigurationView<String>()
        let apps = [app("app_0123456789abcdefghij", clientID: "scli_one")]
        view.serve(snapshot(1, slug: "demo", host: "auth.demo.example", apps: apps), as: "")
        view.serve(snapshot(2, slug: "rival"), as: "")
        view.remove(workspaceID(1))
        view.remove(workspaceID(3))
        #expect(view.epochs.keys.map { $0 } == [workspaceID(2)])
        #expect(view[workspaceID(1)] == nil)
        #expect(view.workspace(named: "demo") == nil)
        #expect(view.workspace(named: workspaceID(1).reference) == nil)
        #expect(view.workspace(ofIssuer: "https://sso.example/w/demo") == nil)
        #expect(view.workspace(ofHost: "auth.demo.example") == nil)
        #expect(view.workspace(ofApp: "scli_one") == nil)
        #expect(view.workspace(ofApp: "app_0123456789abcdefghij") == nil)
        #expect(view.workspace(named: "rival") != nil)
    }

    @Test(arguments: [false, true])
    func `gives names to the workspace they passed to, in whichever order it hears of it`(_ newFirst: Bool) {
        var view = ConfigurationView<String>()
        let apps = [app("app_0123456789abcdefghij", clientID: "scli_one")]
        view.serve(snapshot(1, slug: "demo", host: "auth.demo.example", apps: apps), as: "")
        let old = snapshot(1, epoch: 2, slug: "renamed")
        let new = snapshot(2, slug: "demo", host: "auth.demo.example", apps: apps)
        for snapshot in newFirst ? [new, old] : [old, new] { view.serve(snapshot, as: "") }
        for found in [
            view.workspace(named: "demo"), view.workspace(ofIssuer: "https://sso.example/w/demo"),
            view.workspace(ofHost: "auth.demo.example"), view.workspace(ofApp: "scli_one"),
            view.workspace(ofApp: "app_0123456789abcdefghij"),
        ] {
            #expect(found?.snapshot.workspace.id == workspaceID(2))
        }
        #expect(view.workspace(named: "renamed")?.snapshot.workspace.id == workspaceID(1))
    }

    @Test func `is not fresh before it was first confirmed`() {
        let view = ConfigurationView<String>()
        #expect(view.confirmedAt == nil)
        #expect(!view.isFresh(at: ContinuousClock.now))
    }

    @Test func `is fresh for less than five seconds after the read that confirmed it began`() {
        var view = ConfigurationView<String>()
        let start = ContinuousClock.now
        view.confirm(at: start)
        #expect(view.confirmedAt == start)
        #expect(view.isFresh(at: start))
        #expect(view.isFresh(at: start + .milliseconds(4999)))
        #expect(!view.isFresh(at: start + .seconds(5)))
        #expect(!view.isFresh(at: start + .seconds(3600)))
    }

    @Test func `is not made fresh by what it is given to serve`() {
        var view = ConfigurationView<String>()
        view.serve(snapshot(1, slug: "demo"), as: "")
        #expect(!view.isFresh(at: ContinuousClock.now))
    }
}

@Suite struct `A snapshot of a workspace` {
    private let apps = [
        app(
            "studio",
            clientID: "scli_one",
            origins: ["https://studio.example", "https://www.studio.example"]
        ),
        app("books", clientID: "scli_two", origins: ["https://books.example:8443"]),
    ]

    @Test func `names an app by its id or its client id`() {
        let snapshot = snapshot(1, slug: "demo", apps: apps)
        #expect(snapshot.app(named: "studio")?.clientID == "scli_one")
        #expect(snapshot.app(named: "scli_two")?.id.raw == "books")
    }

    @Test(arguments: ["", "Studio", "scli_three", "SCLI_one", "studio ", "a/b", "\u{017F}tudio"])
    func `names none by anything else`(_ name: String) {
        #expect(snapshot(1, slug: "demo", apps: apps).app(named: name) == nil)
    }

    @Test func `knows the app of an exact origin`() {
        let snapshot = snapshot(1, slug: "demo", apps: apps)
        #expect(snapshot.app(ofOrigin: "https://www.studio.example")?.id.raw == "studio")
        #expect(snapshot.app(ofOrigin: "https://books.example:8443")?.id.raw == "books")
        for other in [
            "", "null", "https://books.example", "http://studio.example", "https://studio.example/",
            "https://STUDIO.example", "https://evil.studio.example",
        ] {
            #expect(snapshot.app(ofOrigin: other) == nil)
        }
    }

    @Test func `keeps apps, groups and keys by their ids`() {
        let key = apiKey()
        let snapshot = WorkspaceSnapshot(
            epoch: 3,
            workspace: snapshot(1, slug: "demo").workspace,
            apps: apps,
            groups: [SSOGroup(id: SSOGroup.ID("suite"), name: "Suite")],
            apiKeys: [key],
            signingKeys: [],
            browserSecret: StoredSecret(id: "one", sealed: [1])
        )
        #expect(Set(snapshot.apps.keys.map(\.raw)) == ["studio", "books"])
        #expect(snapshot.groups[SSOGroup.ID("suite")]?.name == "Suite")
        #expect(snapshot.apiKeys[key.id] == key)
        #expect(snapshot.browserSecret?.sealed == [1])
    }
}

private func workspaceID(_ number: UInt8) -> Workspace.ID {
    Workspace.ID(uuid(number))
}

private func snapshot(
    _ number: UInt8,
    epoch: Int = 1,
    slug: String,
    host: String? = nil,
    apps: [ConnectedApp] = []
) -> WorkspaceSnapshot {
    WorkspaceSnapshot(
        epoch: epoch,
        workspace: Workspace(
            id: workspaceID(number),
            slug: slug,
            issuer: "https://sso.example/w/\(slug)",
            authHost: host
        ),
        apps: apps,
        groups: [],
        apiKeys: [],
        signingKeys: [],
        browserSecret: nil
    )
}
