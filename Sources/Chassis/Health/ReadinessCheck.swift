/// One reason why a service may not be ready to serve.
package struct ReadinessCheck: Sendable {
    /// The check's name in the answer of `/readyz`: `database`, `feed`, `schema`.
    package let name: String
    /// Nil when all is well, otherwise the reason in a few words; must be quick and do no I/O of its own,
    /// because anybody may ask at any rate.
    package let reason: @Sendable () async -> String?

    /// Makes a check; the closure answers nil when all is well.
    package init(_ name: String, reason: @escaping @Sendable () async -> String?) {
        self.name = name
        self.reason = reason
    }
}

/// What `/readyz` says.
struct Readiness {
    let isReady: Bool
    let body: [UInt8]

    /// Asks every check; a draining service is not ready whatever they say.
    init(_ checks: [ReadinessCheck], drain: DrainSignal) async {
        var isReady = true
        var results: [UInt8] = []
        func add(_ name: String, _ reason: String?) {
            if reason != nil { isReady = false }
            if !results.isEmpty { results.append(UInt8(ascii: ",")) }
            JSONText.append(name, to: &results)
            results.append(UInt8(ascii: ":"))
            JSONText.append(reason ?? "ok", to: &results)
        }
        add("shutdown", drain.isDraining ? "draining" : nil)
        for check in checks {
            add(check.name, await check.reason())
        }
        self.isReady = isReady
        body = Array("{\"ready\":\(isReady),\"checks\":{".utf8) + results + Array("}}".utf8)
    }
}
