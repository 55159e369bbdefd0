/// Which paths answer errors the way better-auth's clients read them.
enum BrowserPaths {
    /// Whether the path is one of `/api/auth/…`, at the root or under `/w/{workspace}`.
    static func contain(_ path: String) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 4)
        let tail = parts.first?.elementsEqual("w".utf8) == true ? parts.dropFirst(2) : parts[...]
        return tail.count > 2 && tail.first?.elementsEqual("api".utf8) == true
            && tail.dropFirst().first?.elementsEqual("auth".utf8) == true
    }
}
