import ArgumentParser
import Chassis

/// `token-exchange`: one sign-in becomes a session in the next app.
@main
struct Program: AsyncParsableCommand {
    static let settings = SettingsSchema(
        program: "token-exchange",
        httpPort: 8080,
        takes: [
            Setting<Secret>.databaseURL, Setting<Int>.databasePoolSize, Setting<Bool>.requirePatchedPostgres,
            Setting<String?>.masterKeysFile, Setting<String?>.defaultWorkspace, Setting<String?>.openAPIFile,
        ]
    )

    static let configuration = CommandConfiguration(
        commandName: "token-exchange",
        abstract: "Exchanges a user's session in one app for a session in the next.",
        discussion: settings.help,
        subcommands: [Serve.self]
    )
}
