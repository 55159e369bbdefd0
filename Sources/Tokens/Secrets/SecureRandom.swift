/// Secrets from the operating system's generator.
package enum SecureRandom {
    /// `count` unpredictable bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 7)
        while bytes.count < count {
            var word = generator.next()
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// A secret of 256 bits as 43 characters of base64url.
    package static func secret() -> String {
        Base64URL.encode(bytes(32))
    }

    /// `count` letters and digits, each of the 62 as likely as the others: 5.95 bits a character.
    package static func alphanumerics(_ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        var generator = SystemRandomNumberGenerator()
        let text = (0..<count).map { _ in alphabet[Int.random(in: 0..<62, using: &generator)] }
        return String(decoding: text, as: UTF8.self)
    }
}
