/// Something statements can be sent through: a pool, a session, a transaction.
///
/// All statements of one call are one unit: one round trip, done together or not at all.
package protocol PostgresQuerying: Sendable {
    /// Sends statements as one unit and returns their results; without a deadline the settings' own applies.
    func perform(_ calls: [StatementCall], deadline: Duration?) async throws(PostgresError) -> PipelineUnit
}

extension PostgresQuerying {
    /// Sends one statement and reads its rows.
    ///
    /// One round trip.
    package func query<Output>(
        _ statement: BoundStatement<Output>,
        deadline: Duration? = nil
    ) async throws(PostgresError) -> [Output] {
        try await perform([statement.readCall], deadline: deadline).rows(of: 0, statement.decoding)
    }

    /// Sends one statement and returns how many rows it touched.
    ///
    /// One round trip.
    @discardableResult
    package func execute<Output>(
        _ statement: BoundStatement<Output>,
        deadline: Duration? = nil
    ) async throws(PostgresError) -> Int {
        try await perform([statement.call], deadline: deadline).affectedRows(of: 0)
    }

    /// Sends several statements, one after the other in one implicit transaction, in one round trip.
    @discardableResult
    package func pipeline<each Output>(
        _ statements: repeat BoundStatement<each Output>,
        deadline: Duration? = nil
    ) async throws(PostgresError) -> (repeat [each Output]) {
        var calls: [StatementCall] = []
        repeat calls.append((each statements).readCall)
        let unit = try await perform(calls, deadline: deadline)
        var index = 0
        func rows<Row>(_ statement: BoundStatement<Row>) throws(PostgresError) -> [Row] {
            defer { index += 1 }
            return try unit.rows(of: index, statement.decoding)
        }
        return (repeat try rows(each statements))
    }

    /// Sends any number of statements with the same kind of row as one unit; the rows of each, in order.
    @discardableResult
    package func batch<Output>(
        _ statements: [BoundStatement<Output>],
        deadline: Duration? = nil
    ) async throws(PostgresError) -> [[Output]] {
        guard !statements.isEmpty else { return [] }
        let unit = try await perform(statements.map(\.readCall), deadline: deadline)
        var answers: [[Output]] = []
        answers.reserveCapacity(statements.count)
        for (index, statement) in statements.enumerated() {
            answers.append(try unit.rows(of: index, statement.decoding))
        }
        return answers
    }
}
