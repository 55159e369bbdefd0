import Domain
import FoundationEssentials

/// The moment every test happens at, unless it says otherwise.
let now = Date(timeIntervalSince1970: 1_750_000_000)

func after(_ seconds: TimeInterval) -> Date {
    now.addingTimeInterval(seconds)
}

func before(_ seconds: TimeInterval) -> Date {
    now.addingTimeInterval(-seconds)
}

/// An id that is the same each time it is asked for by the same number.
func uuid(_ number: UInt8) -> UUID {
    UUID(uuid: (1, 0x97, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, number))
}

func app(
    _ id: String = "studio",
    clientID: String? = nil,
    status: ConnectedApp.Status = .active,
    exchangePolicy: ConnectedApp.ExchangePolicy = .workspace,
    signupPolicy: ConnectedApp.SignupPolicy = .open,
    origins: [String] = [],
    groups: [String] = []
) -> ConnectedApp {
    ConnectedApp(
        id: ConnectedApp.ID(id),
        clientID: clientID ?? "scli_\(id)",
        name: id,
        audience: id,
        status: status,
        exchangePolicy: exchangePolicy,
        signupPolicy: signupPolicy,
        origins: origins,
        groups: Set(groups.map { SSOGroup.ID($0) })
    )
}

func apiKey(
    kind: APIKey.Kind = .workspace,
    sourceApps: [String]? = nil,
    targetApps: [String]? = nil,
    expiresAt: Date? = nil,
    revokedAt: Date? = nil
) -> APIKey {
    APIKey(
        id: APIKey.ID(uuid(10)),
        kind: kind,
        secretHash: [],
        sourceApps: sourceApps.map { Set($0.map { ConnectedApp.ID($0) }) },
        targetApps: targetApps.map { Set($0.map { ConnectedApp.ID($0) }) },
        expiresAt: expiresAt,
        revokedAt: revokedAt
    )
}

func session(
    id: UInt8 = 1,
    depth: UInt8 = 0,
    generation: Int = 1,
    rotatedAt: Date? = nil,
    lastUsedAt: Date = before(60),
    expiresAt: Date = after(3600),
    idleTimeout: Int = 600,
    revokedAt: Date? = nil,
    endedAbove: Bool = false
) -> Session {
    Session(
        id: Session.ID(uuid(id)),
        userID: User.ID(uuid(100)),
        appID: ConnectedApp.ID("studio"),
        ancestors: (0..<depth).map { Session.ID(uuid(200 + $0)) },
        authenticatedAt: before(60),
        methods: ["pwd"],
        generation: generation,
        rotatedAt: rotatedAt,
        createdAt: before(60),
        lastUsedAt: lastUsedAt,
        expiresAt: expiresAt,
        idleTimeout: idleTimeout,
        revokedAt: revokedAt,
        endedAbove: endedAbove
    )
}

/// A random number generator that always answers the same word.
struct ConstantEntropy: RandomNumberGenerator {
    let word: UInt64

    mutating func next() -> UInt64 {
        word
    }
}
