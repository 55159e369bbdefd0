package import Logging

extension Setting where Value == Secret {
    /// Where PostgreSQL is: any libpq URI, several hosts included.
    package static var databaseURL: Self {
        .secret(
            "DATABASE_URL",
            shape: "a libpq URI, postgresql://…",
            "PostgreSQL, any libpq URI (several hosts allowed)"
        ) { $0.hasPrefix("postgresql://") || $0.hasPrefix("postgres://") }
    }
}

extension Setting where Value == String {
    /// The address the service listens on.
    package static var httpHost: Self {
        .text("HTTP_HOST", default: "127.0.0.1", "address to listen on")
    }
}

extension Setting where Value == String? {
    /// The base of issuers and links, when it is not where the service listens.
    package static var publicURL: Self {
        Self(
            "PUBLIC_URL",
            absence: .value(nil, described: "http://HTTP_HOST:HTTP_PORT"),
            shape: "an http or https URL without query, fragment, user or final slash",
            summary: "base of issuers and links"
        ) { isBaseURL($0) ? .some($0) : nil }
    }

    /// The file of master keys.
    package static var masterKeysFile: Self {
        .optionalText(
            "MASTER_KEYS_FILE",
            "file of lines id:base64 of 32 bytes; the first encrypts, all decrypt"
        )
    }

    /// The workspace that routes without a workspace mean.
    package static var defaultWorkspace: Self {
        .optionalText("DEFAULT_WORKSPACE", "workspace (id or slug) that unprefixed routes mean")
    }

    private static func isBaseURL(_ text: String) -> Bool {
        let rest: Substring
        if text.hasPrefix("https://") {
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            rest = text.dropFirst(7)
        } else {
            return false
        }
        let refused = #"?#@\"<>` "#
        return !rest.isEmpty && rest.first != "/" && rest.last != "/"
            && rest.unicodeScalars.allSatisfy {
                $0.value > 32 && $0.value < 127 && !refused.unicodeScalars.contains($0)
            }
    }
}

extension Setting where Value == Int {
    /// The port the service listens on; 0 lets the system choose.
    package static func httpPort(default port: Int) -> Self {
        .whole("HTTP_PORT", in: 0...65_535, default: port, "port to listen on (0: any free one)")
    }

    /// How many connections to PostgreSQL a service holds.
    package static var databasePoolSize: Self {
        .whole("DATABASE_POOL_SIZE", in: 1...512, default: 8, "connections to PostgreSQL")
    }

    /// How many HTTP connections are served at once; a few more are kept for health and metrics.
    package static var httpConnections: Self {
        .whole("HTTP_CONNECTIONS", in: 1...100_000, default: 4096, "HTTP connections served at once")
    }

    /// How many requests one HTTP connection may carry before it is closed politely.
    package static var httpRequestsPerConnection: Self {
        .whole(
            "HTTP_REQUESTS_PER_CONNECTION",
            in: 1...1_000_000_000,
            default: 1000,
            "requests one connection may carry before it is closed politely"
        )
    }
}

extension Setting where Value == Bool {
    /// Whether a PostgreSQL without the security fixes we depend on stops the start.
    package static var requirePatchedPostgres: Self {
        .flag(
            "REQUIRE_PATCHED_POSTGRES",
            default: false,
            "do not start against a PostgreSQL lacking security fixes"
        )
    }
}

extension Setting where Value == Duration {
    /// How long a service may take from the signal to its exit.
    package static var shutdownTimeout: Self {
        .duration(
            "SHUTDOWN_TIMEOUT",
            in: .milliseconds(100) ... .seconds(600),
            default: "10s",
            "longest time from SIGTERM to the exit"
        )
    }

    /// How much of that time a service keeps accepting while it already says that it is not ready.
    package static var shutdownDrain: Self {
        .duration(
            "SHUTDOWN_DRAIN",
            in: .zero ... .seconds(600),
            default: "3s",
            "part of it during which new requests are still served while /readyz answers 503"
        )
    }
}

extension Setting where Value == Logger.Level {
    /// The least severe level that is logged.
    package static var logLevel: Setting<Logger.Level> {
        Self(
            "LOG_LEVEL",
            absence: .text("info"),
            shape: "one of trace, debug, info, notice, warning, error, critical",
            summary: "least severe level to log"
        ) { Logger.Level(rawValue: $0.lowercased()) }
    }
}

extension Setting where Value == LogFormat {
    /// How a log line is written.
    package static var logFormat: Self {
        Self("LOG_FORMAT", absence: .text("text"), shape: "text or json", summary: "text or json") {
            LogFormat(rawValue: $0)
        }
    }
}

extension Setting where Value == [Network] {
    /// The peers whose `X-Forwarded-For` is believed.
    package static var trustedProxies: Self {
        Self(
            "TRUSTED_PROXIES",
            absence: .value([], described: "none"),
            shape: "addresses or networks such as 10.0.0.0/8,fd00::/8",
            summary: "peers whose X-Forwarded-For is believed, comma-separated"
        ) { text in
            var networks: [Network] = []
            for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let network = Network(String(piece.trimming(" "))) else { return nil }
                networks.append(network)
            }
            return networks
        }
    }
}

extension Substring {
    /// The text without the given character at either end.
    func trimming(_ character: Character) -> Substring {
        var rest = self
        while rest.first == character { rest.removeFirst() }
        while rest.last == character { rest.removeLast() }
        return rest
    }
}
