package import Postgres

/// Which part of a list is asked for.
package struct PageRequest: Hashable, Sendable {
    /// The position of the last one that was seen; none begins at the first.
    package let after: String?
    /// At most so many, 1 to 200.
    package let limit: Int
    /// What the names begin with, in any case.
    package let search: String?

    package init(after: String? = nil, limit: Int = 50, search: String? = nil) {
        self.after = after
        self.limit = limit
        self.search = search
    }

    /// One more than is asked for, to know whether there are more.
    package var fetched: Int { limit + 1 }

    /// The beginning that is searched for, as it is compared.
    package var beginning: String? { search?.lowercased() }

    /// The first text, compared by bytes, that does not begin so.
    package var beyond: String? { beginning.map { $0 + "\u{10FFFF}" } }
}

/// Part of a list: things as JSON.
package struct Page: Sendable {
    /// A thing and where it is in the list.
    package struct Item: Sendable {
        /// Its JSON.
        package let json: String
        /// What the next part begins after.
        package let position: String

        package init(json: String, position: String) {
            self.json = json
            self.position = position
        }

        /// Reads JSON and position.
        package static func decode(_ row: inout RowReader) throws(RowDecodingError) -> Item {
            Item(json: try row.next(String.self), position: try row.next(String.self))
        }
    }

    /// The things, in order.
    package let items: [Item]
    /// Where the next part begins; none when this is the last.
    package let next: String?

    /// What was asked for of what was fetched.
    package init(_ fetched: [Item], _ request: PageRequest) {
        items = Array(fetched.prefix(request.limit))
        next = fetched.count > request.limit ? items.last?.position : nil
    }
}
