/// The text as JavaScript's `encodeURIComponent` gives it.
func percentEncoded(_ text: String) -> String {
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "!"), UInt8(ascii: "~"), UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"):
            encoded.append(byte)
        default:
            encoded.append(UInt8(ascii: "%"))
            for digit in lowercaseHexadecimal(CollectionOfOne(byte)) {
                encoded.append(digit >= UInt8(ascii: "a") ? digit - 0x20 : digit)
            }
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}

/// The text as JavaScript's `decodeURIComponent` gives it; nil where that throws: a `%` without two hexadecimal
/// digits, or bytes that are not UTF-8.
package func percentDecoded(_ text: String) -> String? {
    let utf8 = Array(text.utf8)
    var decoded: [UInt8] = []
    var position = 0
    while position < utf8.count {
        if utf8[position] != UInt8(ascii: "%") {
            decoded.append(utf8[position])
            position += 1
            continue
        }
        guard position + 2 < utf8.count, let high = hexadecimalDigit(utf8[position + 1]),
            let low = hexadecimalDigit(utf8[position + 2])
        else { return nil }
        decoded.append(high << 4 | low)
        position += 3
    }
    return String(validating: decoded, as: UTF8.self)
}
