package import Postgres

extension PostgresSettings {
    /// How a service connects: in its own role, with statements planned once.
    ///
    /// Every statement here looks up by primary key, so the plan does not depend on the values; planning each call
    /// anew would cost several times the call.
    package static func service(_ url: String, role: String, connections: Int) -> PostgresSettings {
        var settings = PostgresSettings(url: url, applicationName: role, role: role)
        settings.connections = connections
        settings.searchPath = "public"
        // Whoever waits for an answer is told within two seconds that there is none.
        settings.queryTimeout = .milliseconds(1500)
        settings.acquireTimeout = .milliseconds(400)
        settings.parameters["plan_cache_mode"] = "force_generic_plan"
        // A plan made while a table was nearly empty must not go on to read all of it once it is large.
        settings.parameters["enable_seqscan"] = "off"
        return settings
    }

    /// How a command connects that a person waits for: as the service it belongs to, with more patience.
    package static func command(_ url: String, role: String) -> PostgresSettings {
        var settings = service(url, role: role, connections: 2)
        settings.queryTimeout = .seconds(30)
        settings.acquireTimeout = .seconds(5)
        return settings
    }
}
