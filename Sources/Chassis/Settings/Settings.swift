import Configuration

/// The checked values of everything a program was told.
package struct Settings: Sendable {
    /// The program's name.
    package let program: String
    private let values: [String: any Sendable]

    /// Reads the environment, and the file that `CONFIG_FILE` names; the environment wins.
    ///
    /// The first unknown or malformed variable is the error. An empty variable counts as absent. Unknown
    /// are: a name in the file that the schema neither takes nor tolerates, and a `BREEZEWAY_…` variable
    /// that it does not take.
    package static func load(
        _ schema: SettingsSchema,
        environment: [String: String]
    ) throws(SettingsError) -> Settings {
        var file: [String: String] = [:]
        if let path = environment["CONFIG_FILE"], !path.isEmpty {
            file = try ConfigurationFile(path: path).values
        }
        return try Settings(schema, environment: environment, file: file)
    }

    /// Checks the values of the two sources against the schema.
    init(
        _ schema: SettingsSchema,
        environment: [String: String],
        file: [String: String] = [:]
    ) throws(SettingsError) {
        let taken = Set(schema.settings.map(\.name))
        for name in file.keys.sorted() where !taken.contains(name) && !schema.tolerated.contains(name) {
            throw SettingsError(name: name, reason: "in the configuration file is not a setting (see --help)")
        }
        for name in environment.keys.sorted() where name.hasPrefix("BREEZEWAY_") && !taken.contains(name) {
            throw SettingsError(name: name, reason: "is not a setting of \(schema.program) (see --help)")
        }
        let reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty }),
            EnvironmentVariablesProvider(environmentVariables: file.filter { !$0.value.isEmpty }),
        ])
        var values: [String: any Sendable] = [:]
        for setting in schema.settings {
            let key = ConfigKey(setting.name.lowercased().split(separator: "_").map(String.init))
            let text = reader.string(forKey: key, isSecret: setting.isSecret)
            values[setting.name] = try setting.value(of: text)
        }
        self.values = values
        program = schema.program
        guard shutdownDrain < shutdownTimeout else {
            throw SettingsError(name: "SHUTDOWN_DRAIN", reason: "must be shorter than SHUTDOWN_TIMEOUT")
        }
    }

    /// The value of a variable that the program's schema declares; another is a programmer's mistake.
    package subscript<Value>(setting: Setting<Value>) -> Value {
        value(named: setting.name)
    }

    private func value<Value>(named name: String) -> Value {
        guard let value = values[name] as? Value else {
            preconditionFailure("\(program) does not declare \(name)")
        }
        return value
    }
}

extension Settings {
    /// The address to listen on.
    package var httpHost: String { self[.httpHost] }

    /// The port to listen on; 0 lets the system choose.
    package var httpPort: Int { value(named: "HTTP_PORT") }

    /// The base of issuers and links, without a final slash.
    package var publicURL: String {
        let host = httpHost.contains(":") ? "[\(httpHost)]" : httpHost
        return self[.publicURL] ?? "http://\(host):\(httpPort)"
    }

    /// How long the program may take from the signal to its exit.
    package var shutdownTimeout: Duration { self[.shutdownTimeout] }

    /// How much of that it keeps accepting requests.
    package var shutdownDrain: Duration { self[.shutdownDrain] }
}
