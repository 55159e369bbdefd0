/// The labels of one instrument, sorted by name.
struct Labels: Hashable {
    private let pairs: [[String]]

    init(_ dimensions: [(String, String)]) {
        pairs = dimensions.map { [MetricName.label($0.0), $0.1] }.sorted { $0[0] < $1[0] }
    }

    /// `{a="1",b="2"}`, with one more label when given; empty without labels.
    func rendered(adding extra: String? = nil) -> String {
        var parts = pairs.map { "\($0[0])=\"\(Self.escaped($0[1]))\"" }
        if let extra { parts.append(extra) }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// Names as Prometheus allows them.
enum MetricName {
    static func plain(_ text: String) -> String { legal(text, colon: true) }

    static func label(_ text: String) -> String { legal(text, colon: false) }

    static func counter(_ text: String) -> String { ending("_total", plain(text)) }

    static func timer(_ text: String) -> String { ending("_seconds", plain(text)) }

    private static func ending(_ suffix: String, _ name: String) -> String {
        name.hasSuffix(suffix) ? name : name + suffix
    }

    private static func legal(_ text: String, colon: Bool) -> String {
        var name = ""
        for character in text {
            let isLegal =
                character.isASCII && (character.isLetter || character.isNumber) || character == "_"
                || colon && character == ":"
            name.append(isLegal ? character : "_")
        }
        return name.first?.isNumber ?? true ? "_" + name : name
    }
}

/// Prometheus' text format, version 0.0.4, in the making.
struct Exposition {
    /// The content type of the text.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// Adds all samples of one family.
    mutating func append(name: String, family: MetricsRegistry.Family, help: String?) {
        guard !family.instruments.isEmpty else { return }
        if let help {
            text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
        }
        text += "# TYPE \(name) \(family.kind.rawValue)\n"
        let lines = family.instruments.map { ($0.key, $0.value.sample) }
        for (labels, sample) in lines.sorted(by: { $0.0.rendered() < $1.0.rendered() }) {
            switch sample {
            case .whole(let value): text += "\(name)\(labels.rendered()) \(value)\n"
            case .decimal(let value): text += "\(name)\(labels.rendered()) \(Self.number(value))\n"
            case .histogram(let state): append(name, labels, state)
            }
        }
    }

    private mutating func append(_ name: String, _ labels: Labels, _ state: HistogramState) {
        var total: Int64 = 0
        for (index, count) in state.counts.enumerated() {
            total += count
            let bound = index < state.bounds.count ? Self.number(state.bounds[index]) : "+Inf"
            text += "\(name)_bucket\(labels.rendered(adding: "le=\"\(bound)\"")) \(total)\n"
        }
        text += "\(name)_sum\(labels.rendered()) \(Self.number(state.sum))\n"
        text += "\(name)_count\(labels.rendered()) \(total)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }
}
