/// Whether a condition comes true within half a minute; asked every few milliseconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let start = ContinuousClock.now
    while start.duration(to: .now) < .seconds(30) {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}
