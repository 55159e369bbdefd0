import ArgumentParser
import Chassis

/// `sso-admin`: prepares the database, makes workspaces and their parts, and serves the administration.
@main
struct Program: AsyncParsableCommand {
    static let settings = SettingsSchema(
        program: "sso-admin",
        httpPort: 8081,
        takes: [
            Setting<Secret>.databaseURL, Setting<Int>.databasePoolSize, Setting<Bool>.requirePatchedPostgres,
            Setting<String?>.migrationsDirectory, Setting<String?>.openAPIFile,
        ]
    )

    static let configuration = CommandConfiguration(
        commandName: "sso-admin",
        abstract: "Administers workspaces, apps, SSO groups, users, keys and sessions.",
        discussion: settings.help,
        subcommands: [
            Serve.self, Migrate.self, CreateWorkspace.self, CreateGroup.self, CreateApp.self,
            CreateAdminToken.self, RotateKey.self, CompromiseKey.self, KeyImpact.self,
            VerifyAudit.self, ImportUsers.self,
        ]
    )
}

extension Setting where Value == String? {
    /// Where the migrations are.
    static var migrationsDirectory: Self {
        .optionalText("MIGRATIONS_DIR", "folder of the migrations, sql/migrations when not given")
    }
}
