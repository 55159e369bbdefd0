import CLibPSL

/// The names below which strangers register their own, such as `com`, `co.uk` or `github.io`.
package enum PublicSuffix {
    /// The system's list or the one libpsl was built with, whichever is newer; read once, never freed.
    ///
    /// `nonisolated(unsafe)`: libpsl only reads a list once it is loaded, so any number of threads may ask.
    private nonisolated(unsafe) static let list = unsafe psl_latest(nil)

    /// Whether everything below `name` belongs to strangers of each other, so that none may speak for all.
    ///
    /// In any case of letters, with or without dots around it. A single label that no list knows is one, and
    /// so is every name when there is no list. The first call reads the list.
    package static func contains(_ name: String) -> Bool {
        guard let list = unsafe list else { return true }
        let labels = name.lowercased().utf8.split(separator: UInt8(ascii: "."))
        guard labels.count > 1 else { return true }
        return unsafe psl_is_public_suffix(list, labels.map { Substring($0) }.joined(separator: ".")) == 1
    }
}
