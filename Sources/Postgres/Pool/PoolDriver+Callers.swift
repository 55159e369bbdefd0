/// What the pool's callers ask of the loop.
extension PoolDriver {
    /// A connection of one's own, waited for as long as the settings allow; it must be given to `end`.
    func lease() async throws(PostgresError) -> Lease {
        let request = LeaseRequest(waitsUntil: Moment.now() + settings.acquireTimeout)
        lease(request)
        let result = await withTaskCancellationHandler {
            await request.result()
        } onCancel: {
            PostgresEventLoop.shared.executor.send(.call { self.discard(request) })
        }
        return Lease(try result.get())
    }

    /// The lease is over.
    func end(_ lease: Lease) {
        lease.end()
        release(lease.connection)
    }

    /// Asks on the reserve connection whether the server serves.
    func ping(deadline: Duration) async throws(PostgresError) -> Int {
        let unit = PipelineUnit(
            .statements([versionQuery.call]),
            deadline: Moment.now() + deadline,
            commits: false
        )
        do {
            try await unit.perform(on: reserve)
        } catch {
            // The next one must not wait behind this one.
            if case .deadlineExceeded = error { reserve.reset() }
            throw error
        }
        return try unit.rows(of: 0, versionQuery.decoding).first ?? 0
    }
}

/// The version as a number, which is also proof that statements are answered.
private let versionQuery = Statement<Int>("SELECT current_setting('server_version_num')::int") {
    row throws(RowDecodingError) in
    try row.next()
}.bind()
