/// One alphabet of RFC 4648 and the conversion both ways, padding aside.
struct Base64Alphabet {
    static let standard = Base64Alphabet(last: "+", "/")
    static let url = Base64Alphabet(last: "-", "_")

    /// The byte of each of the 64 values.
    private let symbols: [UInt8]
    /// The value of each byte, 0xFF for those of no value.
    private let values: [UInt8]

    private init(last: Unicode.Scalar...) {
        let text = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        let symbols = Array(text.utf8) + last.map { UInt8(ascii: $0) }
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, symbol) in symbols.enumerated() {
            values[Int(symbol)] = UInt8(value)
        }
        self.symbols = symbols
        self.values = values
    }

    func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        let start = text.count
        let (groups, rest) = bytes.count.quotientAndRemainder(dividingBy: 3)
        text.append(contentsOf: repeatElement(0, count: groups * 4 + (rest == 0 ? 0 : rest + 1)))
        let symbols = symbols.span
        let bytes = bytes.span
        var output = text.mutableSpan
        var at = start
        for group in 0..<groups {
            let (first, second, third) = (bytes[group * 3], bytes[group * 3 + 1], bytes[group * 3 + 2])
            let bits = UInt32(first) << 16 | UInt32(second) << 8 | UInt32(third)
            output[at] = symbols[Int(bits >> 18)]
            output[at + 1] = symbols[Int(bits >> 12 & 63)]
            output[at + 2] = symbols[Int(bits >> 6 & 63)]
            output[at + 3] = symbols[Int(bits & 63)]
            at += 4
        }
        if rest == 0 { return }
        let second = rest == 2 ? UInt32(bytes[groups * 3 + 1]) : 0
        let bits = UInt32(bytes[groups * 3]) << 16 | second << 8
        output[at] = symbols[Int(bits >> 18)]
        output[at + 1] = symbols[Int(bits >> 12 & 63)]
        if rest == 2 { output[at + 2] = symbols[Int(bits >> 6 & 63)] }
    }

    /// The bytes of an unpadded text; nil unless `append` would give exactly this text back.
    func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let (groups, rest) = text.count.quotientAndRemainder(dividingBy: 4)
        guard rest != 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: groups * 3 + (rest == 0 ? 0 : rest - 1))
        let values = values.span
        let text = text.span
        var output = bytes.mutableSpan
        var (from, to) = (0, 0)
        for _ in 0..<groups {
            let (a, b) = (values[Int(text[from])], values[Int(text[from + 1])])
            let (c, d) = (values[Int(text[from + 2])], values[Int(text[from + 3])])
            guard a | b | c | d < 64 else { return nil }
            output[to] = a << 2 | b >> 4
            output[to + 1] = b << 4 | c >> 2
            output[to + 2] = c << 6 | d
            from += 4
            to += 3
        }
        if rest == 0 { return bytes }
        let (a, b) = (values[Int(text[from])], values[Int(text[from + 1])])
        let c = rest == 3 ? values[Int(text[from + 2])] : 0
        let excess = rest == 3 ? c & 0x03 : b & 0x0F
        guard a | b | c < 64, excess == 0 else { return nil }
        output[to] = a << 2 | b >> 4
        if rest == 3 { output[to + 1] = b << 4 | c >> 2 }
        return bytes
    }
}
