extension Setting where Value == String {
    /// A text that must be there or has a default.
    package static func text(_ name: String, default fallback: String, _ summary: String) -> Self {
        Self(name, absence: .text(fallback), shape: "a text that is not empty", summary: summary) {
            $0.isEmpty ? nil : $0
        }
    }
}

extension Setting where Value == String? {
    /// A text that may be absent; `described` says in `--help` what absence means.
    package static func optionalText(_ name: String, described: String = "none", _ summary: String) -> Self {
        Self(
            name,
            absence: .value(nil, described: described),
            shape: "a text that is not empty",
            summary: summary
        ) {
            $0.isEmpty ? nil : .some($0)
        }
    }
}

extension Setting where Value == Int {
    /// A whole number within a range.
    package static func whole(
        _ name: String,
        in range: ClosedRange<Int>,
        default fallback: Int,
        _ summary: String
    ) -> Self {
        Self(
            name,
            absence: .text(String(fallback)),
            shape: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            summary: summary
        ) { text in
            guard let number = Int(text), range.contains(number) else { return nil }
            return number
        }
    }
}

extension Setting where Value == Bool {
    /// `true` or `false` (also `yes`, `no`, `1`, `0`).
    package static func flag(_ name: String, default fallback: Bool, _ summary: String) -> Self {
        Self(name, absence: .text(String(fallback)), shape: "true or false", summary: summary) { text in
            switch text.lowercased() {
            case "true", "yes", "1": true
            case "false", "no", "0": false
            default: nil
            }
        }
    }
}

extension Setting where Value == Duration {
    /// A length of time such as `500ms`, `10s`, `2m`, `1h`, or a bare number of seconds.
    package static func duration(
        _ name: String,
        in range: ClosedRange<Duration> = .zero ... .seconds(86_400),
        default fallback: String,
        _ summary: String
    ) -> Self {
        Self(
            name,
            absence: .text(fallback),
            shape:
                "a length of time such as 500ms, 10s or 2m, from \(range.lowerBound) to \(range.upperBound)",
            summary: summary
        ) { text in
            guard let duration = Duration(settingText: text), range.contains(duration) else { return nil }
            return duration
        }
    }
}

extension Setting where Value == Secret {
    /// A secret that must be set.
    package static func secret(
        _ name: String,
        shape: String,
        _ summary: String,
        accepts: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Self(name, absence: .refused, isSecret: true, shape: shape, summary: summary) { text in
            accepts(text) ? Secret(text) : nil
        }
    }
}

extension Duration {
    /// The length of time a text such as `500ms`, `10s`, `2m`, `1h` or `10` (seconds) means.
    init?(settingText text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(count)
        case "", "s": self = .seconds(count)
        case "m": self = .seconds(count * 60)
        case "h": self = .seconds(count * 3600)
        default: return nil
        }
    }
}
