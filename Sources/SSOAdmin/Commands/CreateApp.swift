import ArgumentParser
import Chassis
import Domain
import Storage
import Tokens

struct CreateApp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Registers an app; prints its client id and, for a web app, its client secret, once."
    )

    @Option(help: "The workspace's slug.")
    var workspace: String

    @Option(help: "Id of the app, 1 to 64 of A-Z, a-z, 0-9, _, . and -; generated when not given.")
    var id: String?

    @Option(help: "Name for people; the id when not given.")
    var name: String?

    @Option(help: "web (keeps a secret) or native (does not).")
    var clientType: String = ConnectedApp.ClientType.web.rawValue

    @Option(help: "Audience of its access tokens; the id when not given.")
    var audience: String?

    @Option(help: "A web origin that speaks for it, such as https://app.example.com. May be repeated.")
    var origin: [String] = []

    @Option(help: "A redirect URI. May be repeated.")
    var redirectURI: [String] = []

    @Option(help: "An SSO group it is in. May be repeated.")
    var group: [String] = []

    @Option(help: "Who may bring a session here: workspace, sso_group or none.")
    var exchangePolicy: String = ConnectedApp.ExchangePolicy.workspace.rawValue

    @Option(help: "Who becomes a member: open, invite_only, admin_approval or auto_on_first_access.")
    var signupPolicy: String = ConnectedApp.SignupPolicy.open.rawValue

    @Option(help: "Seconds an access token lives, 60 to 604800.")
    var accessExpiration: Int = 3600

    @Option(help: "Seconds a session lives, 3600 to 31536000.")
    var refreshExpiration: Int = 604_800

    @Option(help: "Seconds without use that end a session, 60 to 31536000.")
    var sessionTimeout: Int = 604_800

    func validate() throws {
        if let id {
            guard let id = ConnectedApp.ID(text: id), id.mayBeChosen else {
                throw ValidationError("--id takes 1 to 64 of A-Z a-z 0-9 _ . -, and neither app_… nor scli_…")
            }
        }
        guard ConnectedApp.ClientType(rawValue: clientType) != nil else {
            throw ValidationError("--client-type takes web or native")
        }
        guard ConnectedApp.ExchangePolicy(rawValue: exchangePolicy) != nil else {
            throw ValidationError("--exchange-policy takes workspace, sso_group or none")
        }
        guard ConnectedApp.SignupPolicy(rawValue: signupPolicy) != nil else {
            throw ValidationError(
                "--signup-policy takes open, invite_only, admin_approval or auto_on_first_access"
            )
        }
        guard (60...604_800).contains(accessExpiration) else {
            throw ValidationError("--access-expiration takes 60 to 604800")
        }
        guard (3600...31_536_000).contains(refreshExpiration) else {
            throw ValidationError("--refresh-expiration takes 3600 to 31536000")
        }
        guard (60...31_536_000).contains(sessionTimeout) else {
            throw ValidationError("--session-timeout takes 60 to 31536000")
        }
        guard origin.allSatisfy(WebOrigin.isOrigin) else {
            throw ValidationError("--origin takes scheme://host[:port] in lower case, without a path")
        }
    }

    func run() async throws {
        let secret = clientType == ConnectedApp.ClientType.web.rawValue ? SecureRandom.secret() : nil
        let app = app
        try await Administration.perform { administration, _ in
            let workspace = try await Administration.workspace(workspace, administration)
            try await administration.createApp(
                app,
                redirectURIs: redirectURI,
                clientSecretHash: secret.map { SecretHash(of: $0).bytes },
                in: workspace.id,
                actor: Administration.actor
            )
            Administration.print { json in
                json.beginObject()
                json.text("id", app.id.raw)
                json.text("client_id", app.clientID)
                json.name("client_secret")
                if let secret { json.string(secret) } else { json.null() }
                json.texts("sso_groups", group)
                json.texts("origins", origin)
                json.texts("redirect_uris", redirectURI)
                json.endObject()
            }
        }
    }

    /// The app as asked for; `validate` has checked every word of it.
    private var app: ConnectedApp {
        let id = id ?? "app_" + SecureRandom.alphanumerics(20)
        return ConnectedApp(
            id: ConnectedApp.ID(id),
            clientID: "scli_" + SecureRandom.alphanumerics(24),
            name: name ?? id,
            audience: audience ?? id,
            clientType: ConnectedApp.ClientType(rawValue: clientType) ?? .web,
            exchangePolicy: ConnectedApp.ExchangePolicy(rawValue: exchangePolicy) ?? .workspace,
            signupPolicy: ConnectedApp.SignupPolicy(rawValue: signupPolicy) ?? .open,
            lifetimes: ConnectedApp.Lifetimes(
                access: accessExpiration,
                refresh: refreshExpiration,
                idle: sessionTimeout
            ),
            origins: origin,
            groups: Set(group.map { SSOGroup.ID($0) })
        )
    }
}
