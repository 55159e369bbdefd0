import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `The use of a session` {
    @Test func `is noted at most once a minute, forwards, and while it is not revoked`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let rival = try await installation.workspace()
            let store = SessionStore(pool: installation.exchange)
            func lastUse(of session: Session) async throws -> Date? {
                try await store.access(scene.key(session.id, in: scene.source)).facts.session?.lastUsedAt
            }
            let fresh = session(of: scene.user, in: scene.source, lastUsedAt: now)
            let revoked = session(of: scene.user, in: scene.source, lastUsedAt: now, revokedAt: now)
            try await installation.add(fresh, revoked, in: scene.workspace)

            try await store.touch(fresh, in: scene.workspace, at: after(59))
            #expect(try await lastUse(of: fresh) == now)
            try await store.touch(fresh, in: rival, at: after(60))
            #expect(try await lastUse(of: fresh) == now)
            try await store.touch(fresh, in: scene.workspace, at: after(90))
            #expect(try await lastUse(of: fresh) == after(90))
            // Another node looked before that and is later to say so.
            try await store.touch(fresh, in: scene.workspace, at: after(70))
            #expect(try await lastUse(of: fresh) == after(90))
            try await store.touch(revoked, in: scene.workspace, at: after(90))
            #expect(try await lastUse(of: revoked) == now)
        }
    }
}

@Suite struct `The end of a session` {
    @Test func `ends its subtree and nothing beside or above it`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let root = scene.session
            let branch = session(of: scene.user, in: scene.target, ancestors: [root.id])
            let leaf = session(of: scene.user, in: scene.source, ancestors: [root.id, branch.id])
            let sibling = session(of: scene.user, in: scene.target, ancestors: [root.id])
            try await installation.add(branch, leaf, sibling, in: scene.workspace)

            func end() async throws -> Int {
                try await store.end(
                    branch.id,
                    of: scene.user,
                    in: scene.workspace,
                    reason: "signed_out",
                    at: now
                )
            }
            #expect(try await end() == 2)
            #expect(try await end() == 0)
            for (session, app, isOpen) in [
                (root, scene.source, true), (branch, scene.target, false), (leaf, scene.source, false),
                (sibling, scene.target, true),
            ] {
                let facts = try await store.access(scene.key(session.id, in: app)).facts
                #expect((AccessPolicy.admit(facts, at: now) != nil) == isOpen)
                #expect(facts.session?.revokedAt == (isOpen ? nil : now))
            }
            let reasons = try await installation.texts(
                "SELECT DISTINCT revoked_reason FROM sessions WHERE revoked_at IS NOT NULL"
            )
            #expect(reasons == ["signed_out"])
        }
    }

    @Test func `takes the session's own user and workspace`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let other = try await installation.user(in: scene.workspace)
            let rival = try await installation.workspace()
            #expect(
                try await store.end(scene.session.id, of: other, in: scene.workspace, reason: "x", at: now)
                    == 0
            )
            #expect(
                try await store.end(scene.session.id, of: scene.user, in: rival, reason: "x", at: now) == 0
            )
            let facts = try await store.access(scene.key(scene.session.id, in: scene.source)).facts
            #expect(facts.session == scene.session)
        }
    }

    @Test func `leaves no usable child, however an exchange races it`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let exchanges = ExchangeStore(pool: installation.exchange)
            let sessions = SessionStore(pool: installation.exchange)
            var children = 0
            for round in 0..<150 {
                let source = session(of: scene.user, in: scene.source)
                try await installation.add(source, in: scene.workspace)
                let attempt = scene.attempt(from: source)
                // Whichever is sent first has the better chance of being first.
                let endFirst = round.isMultiple(of: 2)
                async let ended: Int? =
                    endFirst
                    ? sessions.end(source.id, of: scene.user, in: scene.workspace, reason: "x", at: now) : nil
                async let outcome = exchanges.attempt(attempt)
                if !endFirst {
                    _ = try await sessions.end(
                        source.id,
                        of: scene.user,
                        in: scene.workspace,
                        reason: "x",
                        at: now
                    )
                }
                _ = try await ended
                guard try await outcome.recordedUntil != nil else { continue }
                children += 1
                let key = scene.key(attempt.newSessionID, in: scene.target)
                let facts = try await sessions.access(key).facts
                #expect(facts.session != nil)
                #expect(AccessPolicy.admit(facts, at: now) == nil)
                let refresh = try await sessions.refresh(key, generation: 1, at: now)
                #expect(RefreshPolicy.decide(refresh, at: now) == .refused)
                let grandchild = try await exchanges.attempt(
                    ExchangeStore.Attempt(
                        workspaceID: scene.workspace,
                        sourceSessionID: attempt.newSessionID,
                        userID: scene.user,
                        sourceAppID: scene.target.id,
                        target: scene.source,
                        isWorthRecording: true,
                        apiKeyID: APIKey.ID(UUID()),
                        newSessionID: Session.ID(UUID.v7(at: now)),
                        address: nil,
                        userAgent: nil,
                        exchangesPerMinute: nil,
                        now: now
                    )
                )
                #expect(grandchild.recordedUntil == nil)
            }
            #expect(children > 0)
            let usable = try await sessions.live(
                of: scene.user,
                in: scene.target.id,
                workspaceID: scene.workspace,
                at: now
            )
            #expect(usable.isEmpty)
        }
    }

    @Test func `for reuse ends the whole tree and says so in the audit log`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let branch = session(
                of: scene.user,
                in: scene.target,
                ancestors: [scene.session.id],
                generation: 4
            )
            let sibling = session(of: scene.user, in: scene.target, ancestors: [scene.session.id])
            let apart = session(of: scene.user, in: scene.target)
            try await installation.add(branch, sibling, apart, in: scene.workspace)

            try await store.endReused(
                branch,
                presented: 2,
                in: scene.workspace,
                requestID: "request-7",
                at: now
            )
            let ended = try await installation.texts(
                "SELECT id::text FROM sessions WHERE revoked_reason = 'refresh_token_reused'"
            )
            #expect(Set(ended) == [scene.session.id.text, branch.id.text, sibling.id.text])
            let entries = try await installation.texts(
                """
                SELECT concat_ws(' ', actor, action, subject, after->>'root', after->>'presented', after->>'current',
                    request_id)
                FROM audit_log
                """
            )
            #expect(
                entries == [
                    "user:\(scene.user.text) session.refresh_reused session:\(branch.id.text)"
                        + " \(scene.session.id.text) 2 4 request-7"
                ]
            )
        }
    }
}

@Suite struct `A look at a session` {
    @Test func `answers the session, the standing of its user in the token's app, and the user`() async throws
    {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation, isMember: false)
            let store = SessionStore(pool: installation.exchange)
            let (facts, user) = try await store.access(scene.key(scene.session.id, in: scene.source))
            #expect(facts == AccessFacts(session: scene.session, user: .active, membership: .active))
            #expect(user?.id == scene.user)
            #expect(user?.email == "\(scene.user.hex)@example.com")
            let elsewhere = try await store.access(scene.key(scene.session.id, in: scene.target)).facts
            #expect(elsewhere == AccessFacts(session: scene.session, user: .active, membership: nil))
        }
    }

    @Test func `finds none of another user or workspace`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let store = SessionStore(pool: installation.exchange)
            let other = try await installation.user(in: scene.workspace, memberOf: [(scene.source, .active)])
            let rival = try await installation.workspace()
            for key in [
                SessionStore.Key(
                    workspaceID: scene.workspace,
                    sessionID: scene.session.id,
                    userID: other,
                    appID: scene.source.id
                ),
                SessionStore.Key(
                    workspaceID: rival,
                    sessionID: scene.session.id,
                    userID: scene.user,
                    appID: scene.source.id
                ),
            ] {
                let (facts, user) = try await store.access(key)
                #expect(facts == AccessFacts(session: nil, user: nil, membership: nil))
                #expect(user == nil)
            }
        }
    }

    @Test func `lists the live sessions of a user in one app, newest first`() async throws {
        try await withInstallation { installation in
            let scene = try await Scene(on: installation)
            let other = try await installation.user(in: scene.workspace, memberOf: [(scene.source, .active)])
            let revoked = session(of: scene.user, in: scene.source, revokedAt: before(1))
            let live = [
                scene.session, session(of: scene.user, in: scene.source),
                session(of: scene.user, in: scene.source, ancestors: [scene.session.id]),
            ]
            try await installation.add(
                live[1],
                live[2],
                revoked,
                session(of: scene.user, in: scene.source, ancestors: [revoked.id], endedAbove: true),
                session(of: scene.user, in: scene.source, expiresAt: now),
                session(of: scene.user, in: scene.source, lastUsedAt: before(3600)),
                session(of: scene.user, in: scene.target),
                session(of: other, in: scene.source),
                in: scene.workspace
            )
            let listed = try await SessionStore(pool: installation.exchange).live(
                of: scene.user,
                in: scene.source.id,
                workspaceID: scene.workspace,
                at: now
            )
            #expect(listed.map(\.session) == live.sorted { $0.id.text > $1.id.text })
        }
    }
}
