/// The one line that says why a program does not start.
///
/// It names the variable, and never repeats the value of a secret one.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
    /// The variable at fault, or the configuration file's path.
    package let name: String
    /// What is wrong with it, as the rest of a sentence.
    package let reason: String

    /// Makes the error for one variable.
    package init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }

    /// `NAME reason`, on one line.
    package var description: String { "\(name) \(reason)" }
}
