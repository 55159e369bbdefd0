import FoundationEssentials

/// A file of `NAME=value` lines.
///
/// Empty lines and lines that begin with `#` are skipped; a value may stand in single or double quotes,
/// which are taken off; nothing is expanded. A name that stands twice is an error, because nobody can say
/// which line was meant.
struct ConfigurationFile {
    /// The values by name.
    let values: [String: String]

    /// Reads a file; the error names the file and the line.
    init(path: String) throws(SettingsError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw SettingsError(
                name: "CONFIG_FILE",
                reason: "names a file that cannot be read as UTF-8: \(path)"
            )
        }
        try self.init(text: text, path: path)
    }

    /// Reads a text; the error names the file and the line.
    init(text: String, path: String) throws(SettingsError) {
        var values: [String: String] = [:]
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = line.trimming(" ")
            if line.isEmpty || line.first == "#" { continue }
            guard let equals = line.firstIndex(of: "=") else {
                throw SettingsError(name: path, reason: "line \(index + 1) is not NAME=value")
            }
            let name = String(line[..<equals].trimming(" "))
            guard values[name] == nil else {
                throw SettingsError(name: name, reason: "stands twice in \(path) (line \(index + 1))")
            }
            values[name] = Self.unquoted(line[line.index(after: equals)...].trimming(" "))
        }
        self.values = values
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, let quote = text.first, quote == "\"" || quote == "'", text.last == quote
        else {
            return String(text)
        }
        return String(text.dropFirst().dropLast())
    }
}
