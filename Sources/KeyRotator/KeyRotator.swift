import ArgumentParser
import Chassis

/// `key-rotator`: makes and changes the keys that workspaces sign with, and keeps house.
///
/// Nothing else makes a key.
@main
struct Program: AsyncParsableCommand {
    static let settings = SettingsSchema(
        program: "key-rotator",
        httpPort: 8082,
        takes: [
            Setting<Secret>.databaseURL, Setting<Int>.databasePoolSize, Setting<Bool>.requirePatchedPostgres,
            Setting<String?>.masterKeysFile, Setting<Int>.auditRetentionDays,
        ]
    )

    static let configuration = CommandConfiguration(
        commandName: "key-rotator",
        abstract: "Makes and keeps the keys that workspaces sign their tokens with.",
        discussion: settings.help,
        subcommands: [Run.self, RunOnce.self, Status.self, RewrapKeys.self]
    )
}

extension Setting where Value == Int {
    /// How long the audit log is kept.
    static var auditRetentionDays: Self {
        .whole("AUDIT_RETENTION_DAYS", in: 30...36_500, default: 400, "days the audit log is kept")
    }
}
