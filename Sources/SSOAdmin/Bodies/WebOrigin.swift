/// What browsers send as `Origin`: scheme, host and port, no path (RFC 6454 section 6.2).
enum WebOrigin {
    /// Whether the text is one, in the lower case that browsers use.
    static func isOrigin(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8)
        else {
            return false
        }
        let authority = bytes[(colon + 3)...]
        let refused = Array("/?#@\\ \"<>".utf8)
        let isScheme =
            colon > 0 && (0x61...0x7a).contains(bytes[0])
            && bytes[..<colon].allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e].contains($0)
            }
        return isScheme && !authority.isEmpty && bytes.count <= 255
            && authority.allSatisfy { $0 > 0x20 && $0 < 0x7f && !refused.contains($0) }
            && !authority.contains { (0x41...0x5a).contains($0) }
    }

    /// Whether the text is an http or https URL that paths can be put behind: no query, no fragment, no slash at its end.
    static func isBase(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.starts(with: "https://".utf8) || bytes.starts(with: "http://".utf8) else { return false }
        let rest = bytes.drop { $0 != UInt8(ascii: "/") }.dropFirst(2)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        let refused = Array("?#@\\\"<>".utf8)
        return !authority.isEmpty && bytes.last != UInt8(ascii: "/")
            && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && !refused.contains($0) }
    }

    /// Whether the text is a host name in lower case, with a port or not.
    static func isHost(_ text: String) -> Bool {
        let parts = text.utf8.split(
            separator: UInt8(ascii: ":"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let labels = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != 0x2d && label.last != 0x2d
                && label.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
        }
        guard isName, parts[0].count <= 253 else { return false }
        guard parts.count == 2 else { return true }
        return (1...5).contains(parts[1].count) && parts[1].allSatisfy { (0x30...0x39).contains($0) }
    }
}
