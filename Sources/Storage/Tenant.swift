package import Postgres

/// Opens the rows of one workspace to the statements that follow in the same transaction.
///
/// Row-level security shows and takes rows of the workspace named by a transaction-local setting, and none without it.
/// Every store sends this first, in the same pipeline, so it costs no round trip.
package enum Tenant {
    /// Sets the workspace until the end of the transaction.
    package static let enter = Statement<String, String>(
        "SELECT set_config('app.workspace_id', $1, true)"
    ) { row throws(RowDecodingError) in
        try row.next(String.self)
    }

    /// The same, for batches of statements whose rows nobody reads.
    static let enterQuietly = Statement<String, Void>("SELECT set_config('app.workspace_id', $1, true)")
}
