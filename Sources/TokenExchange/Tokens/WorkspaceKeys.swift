import Domain
import FoundationEssentials
import Logging
import Synchronization
import Tokens

/// A workspace's keys, parsed and opened: once each, when first needed.
///
/// Which of them verify and which one signs follows from their instants and the clock, so what is kept is good only
/// until the next instant.
final class WorkspaceKeys: Sendable {
    /// The public half of what verifies now.
    struct Published: Sendable {
        let keys: VerificationKeySet
        let document: JWKSDocument
    }

    private struct Kept {
        var published: Published?
        var signer: TokenSigner?
        var until = Date.distantPast
        var opened: [String: TokenSigner] = [:]
        var browserSecret: [UInt8]?
    }

    private let workspaceID: String
    private let issuer: String
    private let records: [SigningKeyRecord]
    private let storedSecret: StoredSecret?
    private let sealing: KeySealing
    private let logger: Logger
    private let kept = Mutex(Kept())
    /// What the master keys made of everything that is sealed.
    let masterKeyUses: [MasterKeyUse]

    init(_ snapshot: WorkspaceSnapshot, sealing: KeySealing, logger: Logger) {
        workspaceID = snapshot.workspace.id.reference
        issuer = snapshot.workspace.issuer
        records = snapshot.signingKeys
        storedSecret = snapshot.browserSecret
        self.sealing = sealing
        self.logger = logger
        masterKeyUses = MasterKeyUse.all(in: snapshot, sealing: sealing)
    }

    /// The keys that verify at `now`, and their JWKS document; none when a key of the workspace cannot be read, or it
    /// has none yet.
    func published(at now: Date) -> Published? {
        kept.withLock { kept in
            renew(&kept, at: now)
            return kept.published
        }
    }

    /// What signs at `now`; none when the workspace has no usable key.
    func signer(at now: Date) -> TokenSigner? {
        kept.withLock { kept in
            renew(&kept, at: now)
            return kept.signer
        }
    }

    /// The keys that somebody else may have, by which nothing is proved; none when there is none.
    func compromised() -> VerificationKeySet? {
        let keys = records.filter { $0.compromisedAt != nil }.compactMap { record in
            // One that cannot be read re-issues nothing.
            try? VerificationKey(kid: record.kid, algorithm: record.algorithm, spki: record.publicKey)
        }
        guard !keys.isEmpty else { return nil }
        // No kid is there twice: the database has each once.
        return try? VerificationKeySet(workspaceID: workspaceID, issuer: issuer, keys: keys)
    }

    /// What cookies and CSRF tokens are keyed with; none until the worker has made it.
    func browserSecret() -> [UInt8]? {
        kept.withLock { kept in
            if let secret = kept.browserSecret { return secret }
            guard let storedSecret else { return nil }
            kept.browserSecret = open(
                storedSecret.sealed,
                .browserSecret(workspaceID: workspaceID, id: storedSecret.id)
            )
            return kept.browserSecret
        }
    }

    private func renew(_ kept: inout Kept, at now: Date) {
        guard now >= kept.until else { return }
        kept.published = publish(at: now)
        kept.signer = records.signer(atClock: now).flatMap { signer(of: $0, in: &kept) }
        let instants = records.flatMap { [$0.activatesAt, $0.retiresAt, $0.expiresAt].compactMap { $0 } }
        kept.until = instants.filter { $0 > now }.min() ?? .distantFuture
        // What could not be read is tried again soon: nothing that went wrong once may last.
        if kept.published == nil || kept.signer == nil {
            kept.until = min(kept.until, now.addingTimeInterval(1))
        }
    }

    private func publish(at now: Date) -> Published? {
        do {
            let keys = try records.filter { $0.verifies(at: now) }.map { record in
                try VerificationKey(kid: record.kid, algorithm: record.algorithm, spki: record.publicKey)
            }
            // Relying parties would keep a document without keys as long as any, and the first key signs at once.
            guard !keys.isEmpty else { return nil }
            return Published(
                keys: try VerificationKeySet(workspaceID: workspaceID, issuer: issuer, keys: keys),
                document: JWKSDocument(keys)
            )
        } catch {
            logger.error(
                "A public key cannot be read.",
                metadata: ["workspace": "\(workspaceID)", "error": "\(error)"]
            )
            return nil
        }
    }

    private func signer(of record: SigningKeyRecord, in kept: inout Kept) -> TokenSigner? {
        if let opened = kept.opened[record.kid] { return opened }
        guard let sealed = record.sealedPrivateKey else { return nil }
        let place = SealedPlace.signingKey(record.kid, algorithm: record.algorithm, workspaceID: workspaceID)
        guard let pkcs8 = open(sealed, place) else { return nil }
        do {
            let signer = TokenSigner(
                key: try SigningKey(kid: record.kid, algorithm: record.algorithm, pkcs8: pkcs8)
            )
            kept.opened[record.kid] = signer
            return signer
        } catch {
            logger.error(
                "A private key cannot be read.",
                metadata: ["kid": "\(record.kid)", "error": "\(error)"]
            )
            return nil
        }
    }

    private func open(_ sealed: [UInt8], _ place: SealedPlace) -> [UInt8]? {
        do {
            return try sealing.open(sealed, for: place)
        } catch {
            logger.error(
                "A sealed secret cannot be opened.",
                metadata: ["workspace": "\(workspaceID)", "error": "\(error)"]
            )
            return nil
        }
    }
}
