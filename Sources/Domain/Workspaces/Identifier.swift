/// The identity of one kind of thing, so that a workspace's id is never taken for an app's.
///
/// `Subject` is the type it names, `Raw` how it is stored. Two are equal when their raw values are.
package struct Identifier<Subject, Raw: Hashable & Sendable>: Hashable, Sendable {
    /// The value the database holds.
    package let raw: Raw

    /// Wraps a value that is already known to be right, such as one read from the database.
    package init(_ raw: Raw) {
        self.raw = raw
    }
}

extension Identifier where Raw == String {
    /// The longest id that is taken, in bytes.
    package static var maximumLength: Int { 64 }

    /// Reads 1 to 64 bytes of `[A-Za-z0-9_.-]`.
    ///
    /// The alphabet is plain ASCII, so equal ids are equal bytes: no Unicode equivalence can join two.
    package init?(text: String) {
        let bytes = text.utf8
        guard (1...Self.maximumLength).contains(bytes.count), bytes.allSatisfy(\.isIdentifierByte) else {
            return nil
        }
        self.init(text)
    }
}

extension UInt8 {
    fileprivate var isIdentifierByte: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension String {
    /// The text with `A` to `Z` in lower case and everything else as it is.
    ///
    /// `lowercased()` also folds other scripts (the Kelvin sign becomes `k`), which joins what must stay apart.
    package var asciiLowercased: String {
        String(
            decoding: utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 },
            as: UTF8.self
        )
    }
}
