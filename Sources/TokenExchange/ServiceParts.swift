import Chassis
import Domain
import FoundationEssentials
import Logging
import Storage
import Tokens

/// What the handlers are made of: the view of the configuration, the stores, and the clock.
struct ServiceParts: Sendable {
    typealias View = ConfigurationView<WorkspaceKeys>

    let feed: ConfigurationFeed<WorkspaceKeys>
    let exchanges: ExchangeStore
    let sessions: SessionStore
    let signIns: SignInStore
    let rates: RateStore
    let passwords: PasswordChecks
    let cookieDomains: CookieDomains
    let fetches: KeyFetchLog
    let exchangeLog: ExchangeLog
    let document: APIDocument
    let database: ServiceDatabase
    /// The workspace, by id or slug, that routes without one mean.
    let defaultWorkspace: String?
    /// Whether browsers reach us over https, so that cookies may insist on it.
    let isSecure: Bool
    let verifier = TokenVerifier()
    let now: @Sendable () -> Date = { Date() }

    /// The view, if it is fresh enough to decide on, our clock can be trusted with it, and the database keeps tenants
    /// apart; otherwise nothing is decided, neither yes nor no.
    func freshView(within patience: Duration = View.freshness) throws(PlainRefusal) -> View {
        let view = feed.current
        guard view.isFresh(at: .now, within: patience), database.clock.isRight, database.problem == nil else {
            throw .temporarilyUnavailable()
        }
        return view
    }
}
