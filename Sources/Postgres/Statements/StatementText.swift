import Synchronization

/// A statement's text and parameter types as every connection prepares them.
///
/// Two statements of the same text and types share one, so `number` is dense and a connection keeps what it has
/// prepared in an array. Texts are constants of the program: there are as many as it has, and none is freed.
final class StatementText: Sendable {
    let sql: String
    let types: [UInt32]
    /// The place in every connection's list of prepared statements.
    let number: Int
    /// The name it is prepared under: the same in every process, so that the server's statistics can be compared.
    let name: String

    private init(sql: String, types: [UInt32], number: Int) {
        self.sql = sql
        self.types = types
        self.number = number
        // FNV-1a; the number makes the name unique should two texts share a hash.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in sql.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        name = "s\(String(hash, radix: 16))_\(number)"
    }

    private struct Key: Hashable {
        let sql: String
        let types: [UInt32]
    }

    private static let known = Mutex<[Key: StatementText]>([:])

    /// The one for a text and its types, made when it is first named.
    static func of(_ sql: String, types: [UInt32]) -> StatementText {
        known.withLock { known in
            let key = Key(sql: sql, types: types)
            if let text = known[key] { return text }
            let text = StatementText(sql: sql, types: types, number: known.count)
            known[key] = text
            return text
        }
    }
}

/// One execution to be sent: which statement, with which parameters.
package struct StatementCall: Sendable {
    let text: StatementText
    /// As `ParameterWriter` lays them out.
    let parameters: [UInt8]
    /// Whether anybody will look at the result.
    var isRead = true
}
