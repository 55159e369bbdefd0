/// The one JSON parser for everything that comes from outside: token headers and claims, request bodies.
///
/// RFC 8259 without its freedoms: UTF-8 only, no byte order mark, no name twice (compared after unescaping, and
/// under canonical equivalence), integers within ±2^53, bounded depth and members.
package enum StrictJSON {
    /// How much a text may hold.
    package struct Limits: Sendable {
        /// Nested arrays and objects, counted from 1 for the outermost; each takes stack, so keep it below 500.
        package var depth: Int
        /// Members of one object.
        package var members: Int

        /// Allows what a token needs, unless told otherwise.
        package init(depth: Int = 16, members: Int = 64) {
            self.depth = depth
            self.members = members
        }
    }

    /// The value these bytes spell.
    ///
    /// The caller bounds their number; time and memory are linear in it.
    package static func parse(
        _ bytes: [UInt8],
        limits: Limits = Limits()
    ) throws(JSONRefusal) -> JSONValue {
        var parser = JSONParser(bytes: bytes, limits: limits)
        return try parser.document()
    }
}
