package import Domain
package import FoundationEssentials
package import Postgres

/// The worker's side of signing keys: whose turn it is, what is known, and doing what was planned.
package struct KeyStore: Sendable {
    let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A key that was made, proved and sealed before any transaction.
    package struct PreparedKey: Hashable, Sendable {
        /// `<uuid>_<unix seconds of creation>`.
        package let kid: String
        /// What it signs with.
        package let algorithm: SigningAlgorithm
        /// The modulus length of an RSA key; none for the others.
        package let rsaBits: Int?
        /// The public half as SubjectPublicKeyInfo in DER.
        package let publicKey: [UInt8]
        /// The sealed private half.
        package let sealedPrivateKey: [UInt8]

        package init(
            kid: String,
            algorithm: SigningAlgorithm,
            rsaBits: Int?,
            publicKey: [UInt8],
            sealedPrivateKey: [UInt8]
        ) {
            self.kid = kid
            self.algorithm = algorithm
            self.rsaBits = rsaBits
            self.publicKey = publicKey
            self.sealedPrivateKey = sealedPrivateKey
        }
    }

    /// What came of looking at a workspace.
    package enum Outcome: Sendable {
        /// Another worker has it, or it is not due any more.
        case notDue
        /// The plan needs a key of another kind than was prepared, or any at all; nothing was written.
        case unprepared
        /// Everything planned is written.
        case done(Done)
    }

    /// What was written.
    package struct Done: Sendable {
        /// The steps, in their order.
        package let steps: [RotationStep]
        /// What is next, and when.
        package let plan: RotationPlan
        /// The workspace's epoch afterwards.
        package let epoch: Int
        /// The clock of the transaction.
        package let at: Date
        /// Whether the secret behind cookies was written.
        package let madeSecret: Bool
        /// How many sessions ended.
        package let sessionsEnded: Int

        /// Whether nodes have something to read.
        package var hasChanged: Bool { !steps.isEmpty || madeSecret }
    }

    /// What is known of a workspace, or none when it is gone.
    ///
    /// One round trip; locks nothing.
    package func facts(of workspaceID: Workspace.ID) async throws(PostgresError) -> KeyFacts? {
        let id = workspaceID.raw
        let (_, policies, keys, requests) = try await pool.pipeline(
            Tenant.enter.bind(workspaceID.text),
            KeyFactsStatements.policy.bind(id),
            KeyFactsStatements.keys.bind(id),
            KeyFactsStatements.requests.bind(id)
        )
        return policies.first?.facts(of: workspaceID, keys: keys, requests: requests)
    }

    /// Does what `plan` makes of the facts as they are under the workspace's lock.
    ///
    /// One transaction. What was prepared and is not wanted any more is not written: whoever comes second throws his
    /// key away. A plan that the database refuses is a check violation that names the rule.
    package func carryOut(
        for workspaceID: Workspace.ID,
        prepared: PreparedKey?,
        browserSecret: StoredSecret?,
        plan: @Sendable (RotationFacts) -> RotationPlan
    ) async throws -> Outcome {
        let id = workspaceID.raw
        return try await pool.transaction(.readCommitted) { transaction in
            let (_, claims) = try await transaction.pipeline(
                Tenant.enter.bind(workspaceID.text),
                KeyScheduleStatements.take.bind(id)
            )
            guard !claims.isEmpty else { return .notDue }
            // After the lock, or they could be of before another worker's commit.
            let (policies, keys, requests) = try await transaction.pipeline(
                KeyFactsStatements.policy.bind(id),
                KeyFactsStatements.lockedKeys.bind(id),
                KeyFactsStatements.requests.bind(id)
            )
            guard let facts = policies.first?.facts(of: workspaceID, keys: keys, requests: requests) else {
                _ = try await transaction.query(KeyScheduleStatements.rest.bind(id))
                return .notDue
            }
            let plan = plan(facts.rotation)
            guard plan.isPrepared(prepared, by: facts.rotation.policy) else { return .unprepared }
            let secret = facts.hasBrowserSecret ? nil : browserSecret
            let writes = KeyWrites(workspaceID: workspaceID, facts: facts.rotation, prepared: prepared)
            try await transaction.batch(
                writes.statements(for: plan)
                    + (secret.map { [KeyStatements.insertSecret.bind(id, $0.id, $0.sealed)] } ?? [])
            )
            let ended = try await transaction.query(KeyRequestStatements.endSessions.bind(id)).reduce(0, +)
            let (unfinished, epochs, _) = try await transaction.pipeline(
                KeyRequestStatements.unfinished.bind(id),
                ConfigurationStatements.epoch.bind(id),
                KeyScheduleStatements.schedule.bind(id, plan.nextAt, plan.next.rawValue)
            )
            if unfinished.first == true {
                _ = try await transaction.query(KeyScheduleStatements.goOn.bind(id))
            }
            return .done(
                Done(
                    steps: plan.steps,
                    plan: plan,
                    epoch: epochs.first ?? 0,
                    at: facts.rotation.now,
                    madeSecret: secret != nil,
                    sessionsEnded: ended
                )
            )
        }
    }
}

extension RotationPlan {
    /// Whether the plan wants a new key, so that one must be prepared.
    package var makesKey: Bool {
        steps.contains { if case .make = $0 { true } else { false } }
    }

    fileprivate func isPrepared(_ key: KeyStore.PreparedKey?, by policy: RotationPolicy) -> Bool {
        guard makesKey else { return true }
        guard let key, key.algorithm == policy.algorithm else { return false }
        return key.algorithm != .rs256 || key.rsaBits == policy.rsaBits
    }
}
