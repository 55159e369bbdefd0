/// Which statements one connection has prepared, and under which names.
struct PreparedStatements {
    /// By the statement's number: 0 never prepared; n the n-th version is; -n it was, and is out of date.
    private var versions: [Int32] = []

    /// Whether it may be executed without preparing it first.
    func contains(_ text: StatementText) -> Bool {
        text.number < versions.count && versions[text.number] > 0
    }

    /// The name to execute it by, or to prepare it under next.
    func name(of text: StatementText) -> String {
        let version = text.number < versions.count ? abs(versions[text.number]) : 1
        return version <= 1 ? text.name : "\(text.name)_\(version)"
    }

    /// A message preparing it was sent; those sent after it may rely on that.
    mutating func insert(_ text: StatementText) {
        while versions.count <= text.number { versions.append(0) }
        versions[text.number] = max(1, abs(versions[text.number]))
    }

    /// It is not prepared after all, and its name is free.
    mutating func remove(_ number: Int) {
        guard number < versions.count else { return }
        versions[number] = -abs(versions[number])
    }

    /// Its plan no longer fits the tables.
    ///
    /// The name stays taken, so that it is prepared under another.
    mutating func outdate(_ number: Int) {
        guard number < versions.count, versions[number] > 0 else { return }
        versions[number] = -(versions[number] + 1)
    }

    /// The session has forgotten some, nobody knows which: all are prepared again, under other names.
    mutating func outdateAll() {
        for number in versions.indices where versions[number] > 0 {
            versions[number] = -(versions[number] + 1)
        }
    }
}
