import ArgumentParser
import Chassis

/// `key-rotator`: makes the keys that workspaces sign with.
///
/// Nothing else makes one.
@main
struct Program: AsyncParsableCommand {
    static let settings = SettingsSchema(
        program: "key-rotator",
        httpPort: 8082,
        takes: [
            Setting<Secret>.databaseURL, Setting<Int>.databasePoolSize, Setting<Bool>.requirePatchedPostgres,
            Setting<String?>.masterKeysFile,
        ]
    )

    static let configuration = CommandConfiguration(
        commandName: "key-rotator",
        abstract: "Makes and keeps the keys that workspaces sign their tokens with.",
        discussion: settings.help,
        subcommands: [Run.self, RunOnce.self]
    )
}
