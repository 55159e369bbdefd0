import Chassis
import Domain
import FoundationEssentials
import Postgres
import Storage

/// What the handlers share.
struct AdminParts: Sendable {
    /// The view of all workspaces, of which nothing but the epoch is made.
    typealias View = ConfigurationView<Int>

    let feed: ConfigurationFeed<Int>
    let notifier: ChangeNotifier
    let database: ServiceDatabase
    let workspaces: WorkspaceStore
    let applications: ApplicationStore
    let groups: GroupStore
    let tokens: AdminTokenStore
    let apiKeys: APIKeyStore
    let users: UserStore
    let memberships: MembershipStore
    let sessions: SessionDirectory
    let impacts: KeyImpactStore
    let keyRequests: KeyRequestStore
    let nodes: NodeDirectory
    let audit: AuditStore
    let explanations: ExplanationStore
    let document: APIDocument
    /// The base of issuers.
    let publicURL: String
    let now: @Sendable () -> Date = { Date() }

    init(
        feed: ConfigurationFeed<Int>,
        notifier: ChangeNotifier,
        document: APIDocument,
        publicURL: String,
        database: ServiceDatabase
    ) {
        let pool = database.pool
        self.database = database
        self.feed = feed
        self.notifier = notifier
        self.document = document
        self.publicURL = publicURL
        workspaces = WorkspaceStore(pool: pool)
        applications = ApplicationStore(pool: pool)
        groups = GroupStore(pool: pool)
        tokens = AdminTokenStore(pool: pool)
        apiKeys = APIKeyStore(pool: pool)
        users = UserStore(pool: pool)
        memberships = MembershipStore(pool: pool)
        sessions = SessionDirectory(pool: pool)
        impacts = KeyImpactStore(pool: pool)
        keyRequests = KeyRequestStore(pool: pool)
        nodes = NodeDirectory(pool: pool)
        audit = AuditStore(pool: pool)
        explanations = ExplanationStore(pool: pool)
    }
}

extension AdminParts {
    /// Tells the other nodes of a change, and answers what it made of a thing; none is a 404.
    func told<Value>(_ change: Administered<Value?>, _ thing: String) throws -> (value: Value, epoch: Int) {
        guard let value = change.value else { throw AdminRefusal.notFound(thing) }
        notifier.tell()
        return (value, change.epoch)
    }

    /// Runs a change; what the database refuses of it is told in the caller's words.
    func refusing<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw AdminRefusal(error) ?? error
        }
    }
}
