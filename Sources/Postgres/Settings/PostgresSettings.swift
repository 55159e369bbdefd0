/// Where the database is and how its sessions are to behave.
package struct PostgresSettings: Sendable {
    /// A conninfo URI or `key=value` string.
    ///
    /// Several hosts are tried in their order, the last good one first.
    package var url: String
    /// As `pg_stat_activity` shows the sessions.
    package var applicationName: String
    /// The role every session takes at its start, of which the URL's user must be a member; nil keeps the user's.
    package var role: String?
    /// Which schemas names without one are looked for in; nil keeps the server's setting.
    package var searchPath: String?
    /// Further server settings of every session, by name.
    package var parameters: [String: String] = [:]
    /// The server ends a statement that takes longer.
    package var statementTimeout = Duration.seconds(3)
    /// The server ends a statement that waits longer for one lock.
    package var lockTimeout = Duration.seconds(2)
    /// The server ends a session that does nothing in an open transaction for longer.
    package var idleInTransactionTimeout = Duration.seconds(5)

    /// How many connections the pool grows to; one more is kept for `ping`.
    package var connections = 10
    /// How many units may be under way on one connection, once every connection has at least one.
    package var pipelineDepth = 32
    /// How many units and leases may wait for a connection.
    package var waitingLimit = 1_024
    /// How long one of them waits.
    package var acquireTimeout = Duration.seconds(1)
    /// How long a unit may take for which its caller gives no deadline.
    package var queryTimeout = Duration.seconds(5)
    /// How long one address may take to give a session.
    package var connectTimeout = Duration.seconds(2)
    /// After how long a connection is replaced, give or take a tenth.
    package var maximumLifetime = Duration.seconds(1_800)
    /// A connection idle for longer is asked whether it is still there before it is used.
    package var validationAge = Duration.seconds(5)
    /// The pool keeps at least one connection and closes others idle for longer.
    package var idleTimeout = Duration.seconds(120)
    /// Bounds of the wait between two attempts while the server is away; the wait itself is random.
    package var minimumBackoff = Duration.milliseconds(100)
    /// The longest such wait.
    package var maximumBackoff = Duration.milliseconds(1_400)

    /// Settings for a database, everything else as documented.
    package init(url: String, applicationName: String, role: String? = nil) {
        self.url = url
        self.applicationName = applicationName
        self.role = role
    }
}
