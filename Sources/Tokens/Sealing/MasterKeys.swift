import Crypto

/// The keys that seal all other keys: the first encrypts, all decrypt.
package struct MasterKeys: Sendable {
    private let keys: [(id: String, key: SymmetricKey)]

    /// Reads lines `id:base64 of 32 bytes`; empty lines and lines that begin with `#` are skipped.
    ///
    /// An id is 1 to 64 characters of `[A-Za-z0-9_.-]`. Errors name a line, never what is in it.
    package init(parsing text: String) throws(MasterKeysRefusal) {
        var keys: [(id: String, key: SymmetricKey)] = []
        let lines = Array(text.utf8).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let number = index + 1
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .noColon(line: number) }
            let id = String(decoding: line[..<colon], as: UTF8.self)
            guard isIdentifier(id) else { throw .badID(line: number) }
            guard !keys.contains(where: { equalBytes($0.id, id) }) else { throw .repeatedID(line: number) }
            guard let bytes = Base64.decode(line[(colon + 1)...]), bytes.count == 32 else {
                throw .badKey(line: number)
            }
            keys.append((id, SymmetricKey(data: bytes)))
        }
        guard !keys.isEmpty else { throw .empty }
        self.keys = keys
    }

    /// The ids in the order of the file; the first is the one that encrypts.
    package var ids: [String] {
        keys.map(\.id)
    }

    var first: (id: String, key: SymmetricKey) {
        // `init` refuses an empty list.
        keys[0]
    }

    func key(_ id: String) -> SymmetricKey? {
        keys.first { equalBytes($0.id, id) }?.key
    }
}

/// Why the master keys could not be read; the texts are fit for a log.
package enum MasterKeysRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// No line holds a key.
    case empty
    /// The line has no colon between id and key.
    case noColon(line: Int)
    /// The id is not 1 to 64 characters of `[A-Za-z0-9_.-]`.
    case badID(line: Int)
    /// The id was there before.
    case repeatedID(line: Int)
    /// The key is not base64 of 32 bytes.
    case badKey(line: Int)

    /// What is wrong and in which line, without what is in it.
    package var description: String {
        switch self {
        case .empty: "there is no master key: expected lines of the form id:base64 of 32 bytes"
        case .noColon(let line): "line \(line): expected id:base64 of 32 bytes, found no colon"
        case .badID(let line): "line \(line): the id must be 1 to 64 characters of A-Z a-z 0-9 _ . -"
        case .repeatedID(let line): "line \(line): the id is that of an earlier line"
        case .badKey(let line): "line \(line): the key must be padded base64 of exactly 32 bytes"
        }
    }
}
