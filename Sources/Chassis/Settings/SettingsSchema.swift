import Logging

/// Everything one program can be told: the variables it takes, in the order `--help` shows them.
package struct SettingsSchema: Sendable {
    /// The program's name, for errors and help.
    package let program: String
    /// The variables, in the order in which help shows and loading checks them.
    package let settings: [any DeclaredSetting]
    /// Names that may stand in a shared configuration file though this program does not take them.
    package let tolerated: Set<String>

    /// Declares what a program takes besides the variables of every service.
    ///
    /// A configuration file may serve several programs, so the standard variables are tolerated there by
    /// programs that do not take them; name the other programs' own variables in `tolerated`.
    package init(
        program: String,
        httpPort: Int,
        takes own: [any DeclaredSetting] = [],
        tolerated: Set<String> = []
    ) {
        self.program = program
        settings = Self.everyService(httpPort: httpPort) + own
        self.tolerated = tolerated.union(Self.optionalStandards.map(\.name))
    }

    /// What every service takes, because it listens, logs and shuts down.
    private static func everyService(httpPort: Int) -> [any DeclaredSetting] {
        [
            Setting<String>.httpHost,
            Setting<Int>.httpPort(default: httpPort),
            Setting<String?>.publicURL,
            Setting<[Network]>.trustedProxies,
            Setting<Int>.httpConnections,
            Setting<Int>.httpRequestsPerConnection,
            Setting<Logger.Level>.logLevel,
            Setting<LogFormat>.logFormat,
            Setting<Duration>.shutdownTimeout,
            Setting<Duration>.shutdownDrain,
        ]
    }

    /// The standard variables that only some programs take.
    private static let optionalStandards: [any DeclaredSetting] = [
        Setting<Secret>.databaseURL,
        Setting<Int>.databasePoolSize,
        Setting<Bool>.requirePatchedPostgres,
        Setting<String?>.masterKeysFile,
        Setting<String?>.defaultWorkspace,
    ]

    /// The text for `--help`: every variable with its meaning and default, and how a file may hold them.
    package var help: String {
        let width = settings.map(\.name.count).max() ?? 0
        let lines = settings.map { setting in
            let pad = String(repeating: " ", count: width - setting.name.count)
            let note = setting.shownDefault.map { "default: \($0)" } ?? "required"
            let secret = setting.isSecret ? ", secret" : ""
            return "  \(setting.name)\(pad)  \(setting.summary) (\(note)\(secret))"
        }
        return """
            Settings are environment variables, or lines NAME=value of the file that CONFIG_FILE names
            (# starts a comment; the environment wins; an unknown name in the file, or an unknown
            BREEZEWAY_… variable, stops the start):

            \(lines.joined(separator: "\n"))
            """
    }
}
