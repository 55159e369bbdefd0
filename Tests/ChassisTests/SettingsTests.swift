import Foundation
import Logging
import Testing

@testable import Chassis

@Suite struct `The settings` {
    private func load(
        _ environment: [String: String],
        file: [String: String] = [:],
        takes: [any DeclaredSetting] = []
    ) throws -> Settings {
        try Settings(
            SettingsSchema(program: "tested", httpPort: 8080, takes: takes, tolerated: ["OTHER_PROGRAMS"]),
            environment: environment,
            file: file
        )
    }

    @Test func `have a default for everything a service needs to listen`() throws {
        let settings = try load([:])
        #expect(settings.httpHost == "127.0.0.1")
        #expect(settings.httpPort == 8080)
        #expect(settings.publicURL == "http://127.0.0.1:8080")
        #expect(settings[.logLevel] == .info)
        #expect(settings[.logFormat] == .text)
        #expect(settings[.trustedProxies].isEmpty)
        #expect(settings.shutdownTimeout == .seconds(10))
        #expect(settings.shutdownDrain < settings.shutdownTimeout)
    }

    @Test func `come from the environment before the file`() throws {
        let settings = try load(["HTTP_PORT": "1"], file: ["HTTP_PORT": "2", "HTTP_HOST": "::1"])
        #expect(settings.httpPort == 1)
        #expect(settings.publicURL == "http://[::1]:1")
    }

    @Test func `take an empty variable for an absent one`() throws {
        #expect(try load(["HTTP_PORT": ""], file: ["HTTP_PORT": "7"]).httpPort == 7)
    }

    @Test(arguments: [
        ("HTTP_PORT", "eighty"), ("HTTP_PORT", "65536"), ("HTTP_PORT", "-1"), ("HTTP_PORT", " 80"),
        ("PUBLIC_URL", "example.com"), ("PUBLIC_URL", "https://example.com/"), ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://a@b"), ("PUBLIC_URL", "https://a?b"), ("PUBLIC_URL", "ftp://a"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,"), ("TRUSTED_PROXIES", "10.0.0.1/8"), ("TRUSTED_PROXIES", "proxy"),
        ("HTTP_CONNECTIONS", "0"), ("HTTP_REQUESTS_PER_CONNECTION", "0"), ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"), ("SHUTDOWN_TIMEOUT", "soon"), ("SHUTDOWN_TIMEOUT", "10 s"),
        ("SHUTDOWN_TIMEOUT", "0"),
        ("SHUTDOWN_TIMEOUT", "99999999999999999999s"), ("SHUTDOWN_DRAIN", "10s"), ("BREEZEWAY_PORT", "1"),
    ]) func `that are malformed or unknown stop the start by name`(name: String, value: String) throws {
        let error = #expect(throws: SettingsError.self) { try load([name: value]) }
        #expect(error?.name == name)
        #expect(error?.description.contains("\n") == false)
    }

    @Test func `name an unknown key of the file`() throws {
        let error = #expect(throws: SettingsError.self) { try load([:], file: ["HTPP_PORT": "1"]) }
        #expect(error?.description == "HTPP_PORT in the configuration file is not a setting (see --help)")
    }

    @Test func `let one file serve several programs`() throws {
        let file = ["DATABASE_URL": "postgresql://h/d", "OTHER_PROGRAMS": "x", "HTTP_PORT": "5"]
        #expect(try load([:], file: file).httpPort == 5)
    }

    @Test func `demand what has no default`() throws {
        let error = #expect(throws: SettingsError.self) {
            try load([:], takes: [Setting<Secret>.databaseURL])
        }
        #expect(error?.name == "DATABASE_URL")
    }

    @Test func `never repeat a secret`() throws {
        let secret = "mysql://user:marked-secret@host"
        let error = #expect(throws: SettingsError.self) {
            try load(["DATABASE_URL": secret], takes: [Setting<Secret>.databaseURL])
        }
        #expect(error?.name == "DATABASE_URL")
        #expect(error.map { "\($0)".contains("marked-secret") } == false)
        let good = try load(
            ["DATABASE_URL": "postgres://u:marked-secret@h/d"],
            takes: [Setting<Secret>.databaseURL]
        )
        #expect(good[.databaseURL].reveal() == "postgres://u:marked-secret@h/d")
        var dumped = ""
        dump(good, to: &dumped)
        #expect(!dumped.contains("marked-secret"))
        #expect(
            !"\(good) \(good[.databaseURL]) \(String(reflecting: good[.databaseURL]))".contains(
                "marked-secret"
            )
        )
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("2s", .seconds(2)), ("3", .seconds(3)), ("2m", .seconds(120)),
    ]) func `read lengths of time`(text: String, expected: Duration) throws {
        let settings = try load(["SHUTDOWN_TIMEOUT": text, "SHUTDOWN_DRAIN": "1ms"])
        #expect(settings.shutdownTimeout == expected)
    }

    @Test func `take what a program adds`() throws {
        let takes: [any DeclaredSetting] = [
            Setting<String?>.defaultWorkspace, Setting<String?>.masterKeysFile, Setting<Int>.databasePoolSize,
            Setting<Bool>.requirePatchedPostgres,
            Setting<Duration>.duration("PAUSE", default: "1h", "a pause"),
        ]
        let settings = try load(
            ["DEFAULT_WORKSPACE": "demo", "REQUIRE_PATCHED_POSTGRES": "yes"],
            takes: takes
        )
        #expect(settings[.defaultWorkspace] == "demo")
        #expect(settings[.masterKeysFile] == nil)
        #expect(settings[.databasePoolSize] == 8)
        #expect(settings[.requirePatchedPostgres])
        #expect(settings[Setting<Duration>.duration("PAUSE", default: "1h", "a pause")] == .seconds(3600))
    }

    @Test func `are all listed in the help with their defaults`() {
        let schema = SettingsSchema(program: "tested", httpPort: 8081, takes: [Setting<Secret>.databaseURL])
        for setting in schema.settings { #expect(schema.help.contains("  \(setting.name) ")) }
        #expect(schema.help.contains("(default: 8081)"))
        #expect(schema.help.contains("(required, secret)"))
        #expect(schema.help.contains("CONFIG_FILE"))
    }
}

@Suite struct `A configuration file` {
    @Test func `holds names and values, comments and quotes`() throws {
        let text = "# a comment\n\nHTTP_PORT = 81\nLOG_LEVEL='debug'\r\nPUBLIC_URL=\"http://a=b\"\n"
        let file = try ConfigurationFile(text: text, path: "f")
        #expect(file.values == ["HTTP_PORT": "81", "LOG_LEVEL": "debug", "PUBLIC_URL": "http://a=b"])
    }

    @Test func `names the line that is not an assignment`() {
        let error = #expect(throws: SettingsError.self) {
            try ConfigurationFile(text: "A=1\nnonsense\n", path: "f.env")
        }
        #expect(error?.description == "f.env line 2 is not NAME=value")
    }

    @Test func `may not say a thing twice`() {
        let error = #expect(throws: SettingsError.self) {
            try ConfigurationFile(text: "A=1\nA=2\n", path: "f.env")
        }
        #expect(error?.name == "A")
    }

    @Test func `that cannot be read stops the start`() {
        let error = #expect(throws: SettingsError.self) {
            try Settings.load(
                SettingsSchema(program: "tested", httpPort: 1),
                environment: ["CONFIG_FILE": "/does/not/exist"]
            )
        }
        #expect(error?.name == "CONFIG_FILE")
    }

    @Test func `is found by CONFIG_FILE`() throws {
        let path = NSTemporaryDirectory() + "chassis-\(UUID().uuidString).env"
        try "HTTP_PORT=83\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { _ = unsafe unlink(path) }
        let schema = SettingsSchema(program: "tested", httpPort: 1)
        #expect(try Settings.load(schema, environment: ["CONFIG_FILE": path]).httpPort == 83)
    }
}
