import Chassis
import Domain
import Storage
import Tokens

/// How often sign-in may be tried: by address each minute, and by account after failures.
struct SignInLimits: Sendable {
    private static let minute = 60
    private static let quarterHour = 900

    let rates: RateStore

    /// Counts an attempt from an address and refuses it beyond the workspace's limit.
    func admit(_ address: ClientAddress, at scope: BrowserScope) async throws {
        guard let ip = address.ip else { return }
        let count = try await rates.count(
            "sign_in:address:\(ip.subscriber)",
            in: scope.workspace.id,
            window: Self.minute,
            at: scope.now
        )
        guard count <= scope.workspace.limits.signInsPerMinute else {
            throw BrowserRefusal.rateLimited(retryAfter: scope.now.secondsLeftInWindow(seconds: Self.minute))
        }
    }

    /// Refuses an account that has failed too often lately, before its password is looked at.
    func admit(_ email: EmailAddress, at scope: BrowserScope) async throws {
        let failures = try await rates.current(
            Self.subject(email),
            in: scope.workspace.id,
            window: Self.quarterHour,
            at: scope.now
        )
        guard failures < scope.workspace.limits.failuresPerQuarterHour else {
            throw BrowserRefusal.rateLimited(
                retryAfter: scope.now.secondsLeftInWindow(seconds: Self.quarterHour)
            )
        }
    }

    /// Counts a failure of an account.
    func countFailure(_ email: EmailAddress, at scope: BrowserScope) async throws {
        _ = try await rates.count(
            Self.subject(email),
            in: scope.workspace.id,
            window: Self.quarterHour,
            at: scope.now
        )
    }

    private static func subject(_ email: EmailAddress) -> String {
        "sign_in:failures:" + Base64URL.encode(SecretHash(of: email.key).bytes)
    }
}
