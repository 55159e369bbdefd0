/// One variable a program takes: its name, its meaning, its default, and how its text becomes a value.
package struct Setting<Value: Sendable>: Sendable {
    /// The environment variable, and the key in the configuration file.
    package let name: String
    /// One line for `--help`.
    package let summary: String
    /// What absence means.
    package let absence: Absence
    /// Whether the text must never be shown.
    package let isSecret: Bool
    /// The value of a text, or nil when the text is malformed.
    private let parse: @Sendable (String) -> Value?
    /// What a well-formed text looks like, to end the sentence "must be …".
    private let shape: String

    /// What a program does when nobody sets the variable.
    package enum Absence: Sendable {
        /// The program does not start.
        case refused
        /// This text is parsed instead.
        case text(String)
        /// This value holds; the text describes it in `--help`.
        case value(Value, described: String)
    }

    /// Declares a variable; `shape` ends the sentence "must be …" for a text that `parse` refuses with nil.
    package init(
        _ name: String,
        absence: Absence,
        isSecret: Bool = false,
        shape: String,
        summary: String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.name = name
        self.summary = summary
        self.absence = absence
        self.isSecret = isSecret
        self.shape = shape
        self.parse = parse
    }
}

/// A variable whose value's type is not known here.
package protocol DeclaredSetting: Sendable {
    /// The environment variable, and the key in the configuration file.
    var name: String { get }
    /// One line for `--help`.
    var summary: String { get }
    /// Whether the text must never be shown.
    var isSecret: Bool { get }
    /// The default as `--help` shows it; nil when the variable is required.
    var shownDefault: String? { get }
    /// The value of a text, or of its absence.
    func value(of text: String?) throws(SettingsError) -> any Sendable
}

extension Setting: DeclaredSetting {
    /// The default as `--help` shows it; nil when the variable is required.
    package var shownDefault: String? {
        switch absence {
        case .refused: nil
        case .text(let text): text
        case .value(_, let described): described
        }
    }

    /// The value of a text, or of its absence.
    package func value(of text: String?) throws(SettingsError) -> any Sendable {
        if let text {
            guard let value = parse(text) else {
                let shown = isSecret ? "" : " (it is '\(Self.shown(text))')"
                throw SettingsError(name: name, reason: "must be \(shape)\(shown)")
            }
            return value
        }
        switch absence {
        case .refused:
            throw SettingsError(name: name, reason: "must be set: \(summary)")
        case .text(let text):
            guard let value = parse(text) else {
                preconditionFailure("the default of \(name) is malformed")
            }
            return value
        case .value(let value, _):
            return value
        }
    }

    /// The text without control characters and cut to one readable piece, so that the error stays one line.
    private static func shown(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(80).map { $0.value < 32 ? "?" : $0 }))
    }
}
