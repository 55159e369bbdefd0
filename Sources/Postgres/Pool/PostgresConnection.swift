/// A single connection, for a command that needs no pool.
package enum PostgresConnection {
    /// Connects, runs `body` and closes the connection; throws `.unavailable` when no host gives a session.
    package static func withConnection<Value: Sendable>(
        _ settings: PostgresSettings,
        _ body: (PostgresSession) async throws -> Value
    ) async throws -> Value {
        let connection = try await open(
            try ConnectionParameters(settings),
            timeout: settings.connectTimeout
        )
        let session = PostgresSession(lease: await Lease(connection), settings: settings)
        do {
            let value = try await body(session)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// An open connection, without an owner.
    @PostgresEventLoop
    static func open(
        _ parameters: ConnectionParameters,
        timeout: Duration
    ) async throws(PostgresError) -> Connection {
        let result: Result<Connection, PostgresError> = await withCheckedContinuation { continuation in
            _ = ConnectAttempt(parameters, timeout: timeout) { result, _ in
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }
}
