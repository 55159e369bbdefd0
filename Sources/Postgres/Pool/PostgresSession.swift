/// A connection that its holder has for himself.
package struct PostgresSession: PostgresQuerying {
    let lease: Lease
    let settings: PostgresSettings

    package func perform(
        _ calls: [StatementCall],
        deadline: Duration?
    ) async throws(PostgresError) -> PipelineUnit {
        let unit = PipelineUnit(
            .statements(calls),
            deadline: Moment.now() + (deadline ?? settings.queryTimeout)
        )
        try await unit.perform(on: lease)
        return unit
    }

    /// Runs statements separated by semicolons, whose rows nobody reads, as one implicit transaction.
    ///
    /// Outside pipeline mode, so a script has a round trip for itself. It must be the program's own text.
    package func execute(script: String, deadline: Duration? = nil) async throws(PostgresError) {
        let unit = PipelineUnit(
            .script(script),
            deadline: Moment.now() + (deadline ?? settings.queryTimeout)
        )
        try await unit.perform(on: lease)
    }

    /// As `server_version_num` says it: 150018 is version 15.18.
    package var serverVersion: Int {
        get async { await lease.connection.serverVersion }
    }

    /// As ``PostgresPool/transaction(_:deadline:_:)``, on this connection.
    package func transaction<Value: Sendable>(
        _ isolation: TransactionIsolation = .readCommitted,
        deadline: Duration? = nil,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        var attempt = 0
        while true {
            let transaction = PostgresTransaction(
                lease: lease,
                settings: settings,
                defaultDeadline: deadline ?? settings.queryTimeout
            )
            await lease.expectTransaction(isolation.begin)
            do {
                let value = try await body(transaction)
                try await transaction.commit()
                return value
            } catch {
                await transaction.rollback()
                attempt += 1
                guard transaction.mayBeRepeated, attempt <= 3, !Task.isCancelled else { throw error }
                // A random wait, or the same transactions meet again. A cancelled one ends at its next statement.
                try? await Task.sleep(for: .milliseconds(Int.random(in: 1...(10 << attempt))))
            }
        }
    }

    /// Undoes what would outlast the session's holder.
    func reset() async {
        // A connection that cannot be reset is found out when it is released, and closed.
        _ = try? await perform([resetAll, unlockAll], deadline: .seconds(1))
    }
}

private let resetAll = StatementCall(text: .of("RESET ALL", types: []), parameters: [])
private let unlockAll = StatementCall(text: .of("SELECT pg_advisory_unlock_all()", types: []), parameters: [])
