import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage
import Tokens

/// Who asks: an admin token that was found good.
struct AdminCaller: Sendable {
    /// What a token opens.
    enum Reach: Hashable, Sendable {
        case platform
        case workspace(Workspace.ID)
    }

    let tokenID: UUID
    let reach: Reach
    let role: AdminRole

    /// As the audit log tells it.
    var name: String {
        switch reach {
        case .platform: "platform_admin_token:\(tokenID.uuidString.asciiLowercased)"
        case .workspace: "admin_token:\(tokenID.uuidString.asciiLowercased)"
        }
    }
}

/// The text of an admin token, taken apart: `bwadm_<workspace or "platform">_<id>_<secret>`.
struct AdminTokenText: Sendable {
    let reach: AdminCaller.Reach
    let id: UUID
    let secret: String

    /// Reads one; nil when it is not one.
    init?(_ text: String) {
        let parts = text.utf8.split(
            separator: UInt8(ascii: "_"),
            maxSplits: 3,
            omittingEmptySubsequences: false
        ).compactMap { String($0) }
        guard parts.count == 4, parts[0] == "bwadm", !parts[3].isEmpty, parts[3].utf8.count <= 128,
            let id = Identifier<AdminTokenText, UUID>(hex: Substring(parts[2]))
        else { return nil }
        if parts[1] == "platform" {
            reach = .platform
        } else {
            guard let workspace = Workspace.ID(hex: Substring(parts[1])) else { return nil }
            reach = .workspace(workspace)
        }
        self.id = id.raw
        secret = parts[3]
    }
}

/// What a call needs of its caller.
enum Permission: Hashable, Sendable {
    /// Look.
    case read
    /// Change what a workspace has.
    case write
    /// Change who may administer, and whether a workspace is.
    case own

    func allows(_ role: AdminRole) -> Bool {
        switch self {
        case .read: true
        case .write: role != .viewer
        case .own: role == .owner
        }
    }
}

extension AdminParts {
    /// The caller, or a refusal; one round trip, since a token that is revoked must open nothing from then on.
    func caller(_ request: Request, needs permission: Permission) async throws -> AdminCaller {
        guard database.problem == nil else { throw PlainRefusal.temporarilyUnavailable() }
        let headers = request.headers[values: .authorization]
        guard headers.count == 1, let token = Self.bearer(headers[0]).flatMap({ AdminTokenText($0) }) else {
            throw AdminRefusal.adminTokenRequired
        }
        let hash = SecretHash(of: token.secret).bytes
        let found: AdminTokenStore.Standing? =
            switch token.reach {
            case .platform: try await tokens.findPlatform(token.id, showing: hash)
            case .workspace(let id): try await tokens.find(token.id, showing: hash, in: id)
            }
        guard let found, SecretHash(stored: found.secretHash)?.matches(token.secret) == true, found.isLive
        else {
            throw AdminRefusal.adminTokenRequired
        }
        guard permission.allows(found.role) else { throw AdminRefusal.roleInsufficient(found.role) }
        return AdminCaller(tokenID: token.id, reach: token.reach, role: found.role)
    }

    private static func bearer(_ header: String) -> String? {
        let words = header.utf8.split(separator: UInt8(ascii: " ")).compactMap { String($0) }
        guard words.count == 2, words[0].asciiLowercased == "bearer" else { return nil }
        return words[1]
    }
}
