/// A queue in one array, whose ends are both cheap and which allocates only to grow.
struct RingBuffer<Element> {
    private var slots: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    var first: Element? { count == 0 ? nil : slots[head] }

    /// The element `offset` places behind the first; traps outside `0..<count`.
    subscript(offset: Int) -> Element {
        precondition(offset >= 0 && offset < count, "no such place in the queue")
        guard let element = slots[(head &+ offset) & (slots.count &- 1)] else {
            preconditionFailure("a place within the count is filled")
        }
        return element
    }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(head &+ count) & (slots.count &- 1)] = element
        count &+= 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = (head &+ 1) & (slots.count &- 1)
        count &-= 1
        return element
    }

    /// Removes every element that satisfies `condition`, keeping the order of the others; returns them.
    mutating func removeAll(where condition: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        for _ in 0..<count {
            guard let element = popFirst() else { break }
            if condition(element) { removed.append(element) } else { append(element) }
        }
        return removed
    }

    /// The capacity stays a power of two, so that a place is found with a mask.
    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(Swift.max(8, slots.count * 2))
        for offset in 0..<count { larger.append(self[offset]) }
        larger.append(contentsOf: repeatElement(nil, count: Swift.max(8, slots.count * 2) - count))
        slots = larger
        head = 0
    }
}

extension RingBuffer: Sendable where Element: Sendable {}
