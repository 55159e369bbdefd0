import Domain
import FoundationEssentials
import Postgres

/// A plan's steps as statements, each with its line in the audit log; requests are answered last, so that the epoch they
/// name has everything.
struct KeyWrites {
    let workspaceID: Workspace.ID
    let facts: RotationFacts
    let prepared: KeyStore.PreparedKey?

    func statements(for plan: RotationPlan) -> [BoundStatement<Void>] {
        plan.steps.flatMap(change) + plan.steps.flatMap(answer)
    }

    private func change(_ step: RotationStep) -> [BoundStatement<Void>] {
        let id = workspaceID.raw
        switch step {
        case .make(let activatesAt, let haste):
            guard let prepared else { return [] }
            let insert = KeyStatements.insert.bind(
                id,
                prepared.kid,
                prepared.algorithm.rawValue,
                prepared.rsaBits,
                prepared.publicKey,
                prepared.sealedPrivateKey,
                facts.now,
                activatesAt,
                haste?.rawValue
            )
            return [insert, audit("create", prepared.kid, instants("activates_at", activatesAt, haste))]
        case .activate(let kid, let instant, let haste):
            return [
                KeyStatements.activate.bind(id, kid, instant, haste?.rawValue),
                audit("activate", kid, instants("activates_at", instant, haste)),
            ]
        case .withdraw(let kid, let instant, let expiresAt):
            return [
                KeyStatements.withdraw.bind(id, kid, instant, expiresAt),
                audit("withdraw", kid, instants("expires_at", expiresAt, nil)),
            ]
        case .retire(let kid, let instant, let expiresAt):
            return [
                KeyStatements.retire.bind(id, kid, instant, expiresAt),
                audit("retire", kid, instants("retires_at", instant, nil)),
            ]
        case .compromise(let kid):
            return [KeyStatements.compromise.bind(id, kid), audit("compromise", kid, nil)]
        case .erase(let kid):
            return [KeyStatements.erase.bind(id, kid), audit("erase", kid, nil)]
        case .finish:
            return []
        }
    }

    private func answer(_ step: RotationStep) -> [BoundStatement<Void>] {
        guard case .finish(let request, let outcome) = step else { return [] }
        return [KeyRequestStatements.decide.bind(workspaceID.raw, request.raw, outcome.rawValue)]
    }

    private func audit(_ act: String, _ kid: String, _ after: String?) -> BoundStatement<Void> {
        let before = facts.keys.first { $0.kid == kid }.map { key in
            #"{"state":"\#(key.state(at: facts.now).rawValue)"}"#
        }
        let entry = AuditEntry(
            actor: "key-rotator",
            action: "signing_key.\(act)",
            subject: "signing_key:\(kid)",
            before: before,
            after: after
        )
        return AuditLog.append(entry, to: workspaceID)
    }

    private func instants(_ name: String, _ instant: Date?, _ haste: SigningKeyRecord.Haste?) -> String {
        let when = instant.map { #""\#($0.ISO8601Format())""# } ?? "null"
        let why = haste.map { #","haste":"\#($0.rawValue)""# } ?? ""
        return #"{"\#(name)":\#(when)\#(why)}"#
    }
}

enum KeyStatements {
    static let insert = Statement<
        UUID, String, String, Int?, [UInt8], [UInt8]?, Date, Date, String?, Void
    >(
        """
        INSERT INTO signing_keys (workspace_id, kid, algorithm, rsa_bits, public_key, sealed_private_key, published_at,
            activates_at, haste)
        VALUES ($1, $2, $3, $4::bigint, $5, $6, $7, $8, $9)
        """
    )

    static let activate = Statement<UUID, String, Date, String?, Void>(
        """
        UPDATE signing_keys
        SET activates_at = $3, haste = coalesce($4, haste)
        WHERE workspace_id = $1
            AND kid = $2
        """
    )

    static let withdraw = Statement<UUID, String, Date, Date, Void>(
        """
        UPDATE signing_keys
        SET activates_at = $3, retires_at = $3, expires_at = $4
        WHERE workspace_id = $1
            AND kid = $2
        """
    )

    static let retire = Statement<UUID, String, Date?, Date?, Void>(
        """
        UPDATE signing_keys
        SET retires_at = $3, expires_at = $4
        WHERE workspace_id = $1
            AND kid = $2
        """
    )

    static let compromise = Statement<UUID, String, Void>(
        """
        UPDATE signing_keys
        SET compromised_at = now(), sealed_private_key = NULL
        WHERE workspace_id = $1
            AND kid = $2
        """
    )

    static let erase = Statement<UUID, String, Void>(
        """
        UPDATE signing_keys
        SET sealed_private_key = NULL
        WHERE workspace_id = $1
            AND kid = $2
        """
    )

    static let insertSecret = Statement<UUID, String, [UInt8], Void>(
        """
        INSERT INTO workspace_secrets (workspace_id, purpose, id, sealed)
        VALUES ($1, 'browser', $2, $3)
        """
    )
}
