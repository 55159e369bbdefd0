internal import CLibPQ

/// What libpq is told to open one session, for each of the hosts the URL names.
struct ConnectionParameters: Sendable {
    /// One of the URL's hosts.
    ///
    /// Without a name or an address libpq's own default is meant.
    struct Host: Sendable, Hashable {
        var name: String?
        var address: String?
        var port: String?
    }

    let hosts: [Host]
    private let common: [String: String]

    /// Reads the URL with libpq's own parser; says what is wrong with it, without the URL, which holds a password.
    init(_ settings: PostgresSettings) throws(PostgresError) {
        var values = try Self.parse(settings.url)
        hosts = try Self.hosts(&values)

        values["fallback_application_name"] = nil
        values["application_name"] = settings.applicationName
        values["client_encoding"] = "UTF8"
        values["gssencmode"] = "disable"
        values["keepalives"] = "1"
        values["keepalives_idle"] = "5"
        values["keepalives_interval"] = "2"
        values["keepalives_count"] = "2"
        values["tcp_user_timeout"] = "6000"
        if values["target_session_attrs"] == nil { values["target_session_attrs"] = "read-write" }
        values["options"] = Self.options(settings, after: values["options"])
        common = values
    }

    /// The keywords and values for one host, whose address is known unless it needs none.
    func values(for host: Host) -> [(String, String)] {
        var values = common
        values["host"] = host.name
        values["hostaddr"] = host.address
        values["port"] = host.port
        return values.map { ($0.key, $0.value) }
    }

    /// Every setting is made at the start of the session, where a transaction's end cannot undo it.
    private static func options(_ settings: PostgresSettings, after given: String?) -> String {
        var options = given.map { [$0] } ?? []
        func set(_ name: String, _ value: String) {
            var escaped = ""
            for character in value {
                if character == " " || character == "\\" { escaped.append("\\") }
                escaped.append(character)
            }
            options.append("-c \(name)=\(escaped)")
        }
        if let role = settings.role { set("role", role) }
        if let path = settings.searchPath { set("search_path", path) }
        for (name, value) in settings.parameters.sorted(by: { $0.key < $1.key }) { set(name, value) }
        set("statement_timeout", "\(settings.statementTimeout.milliseconds)")
        set("lock_timeout", "\(settings.lockTimeout.milliseconds)")
        set("idle_in_transaction_session_timeout", "\(settings.idleInTransactionTimeout.milliseconds)")
        set("idle_session_timeout", "0")
        set("timezone", "UTC")
        set("default_transaction_isolation", "read committed")
        return options.joined(separator: " ")
    }

    private static func parse(_ url: String) throws(PostgresError) -> [String: String] {
        guard let options = unsafe PQconninfoParse(url, nil) else {
            throw .unavailable("the database's URL is malformed")
        }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var index = 0
        while let keyword = unsafe options[index].keyword {
            if let value = unsafe options[index].val {
                unsafe values[String(cString: keyword)] = unsafe String(cString: value)
            }
            index += 1
        }
        return values
    }

    private static func hosts(_ values: inout [String: String]) throws(PostgresError) -> [Host] {
        func list(_ key: String) -> [String?] {
            values[key].map { value in
                value.split(separator: ",", omittingEmptySubsequences: false)
                    .map { $0.isEmpty ? nil : String($0) }
            } ?? []
        }
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
        for key in ["host", "hostaddr", "port"] { values[key] = nil }
        let count = max(names.count, addresses.count, 1)
        guard names.isEmpty || names.count == count, addresses.isEmpty || addresses.count == count,
            ports.count <= 1 || ports.count == count
        else { throw .unavailable("the database's URL has not as many hosts as ports") }
        return (0..<count).map { index in
            Host(
                name: names.isEmpty ? nil : names[index],
                address: addresses.isEmpty ? nil : addresses[index],
                port: ports.isEmpty ? nil : ports[ports.count == 1 ? 0 : index]
            )
        }
    }
}

extension Duration {
    /// Whole milliseconds, as the server's settings want them.
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
