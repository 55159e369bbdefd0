import Domain
import Foundation
import Postgres
import Storage
import Synchronization
import Testing

@Suite struct `The change rows` {
    /// Every transaction changes a workspace of its own, so that one missed row is one missed workspace.
    @Test func `are all read, whatever the order in which transactions begin and end`() async throws {
        try await withInstallation { installation in
            var workspaces: [Workspace.ID] = []
            for _ in 0..<160 { workspaces.append(try await installation.workspace()) }
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            let writing = Writers(workspaces)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask { try await writing.run(writer, on: installation) }
                }
                group.addTask { try await writing.read(from: start, in: store) }
                try await group.waitForAll()
            }
            let (committed, rolledBack, seen) = writing.outcome
            #expect(committed.count > 60)
            #expect(rolledBack.count > 10)
            #expect(seen == committed)
        }
    }

    @Test func `are answered again while a transaction older than them is open, and not for ever`()
        async throws
    {
        try await withInstallation { installation in
            let first = try await installation.workspace()
            let second = try await installation.workspace()
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            var cursor = try await installation.superuser.transaction { older in
                _ = try await older.query(Tenant.enter.bind(first.text))
                try await older.execute(
                    script: "UPDATE workspaces SET name = 'older' WHERE id = '\(first.text)'"
                )
                try await installation.run(
                    "UPDATE workspaces SET name = 'n' WHERE id = '\(second.text)'",
                    in: second
                )
                let once = try await store.changes(since: start)
                #expect(once.epochs[second] == 2)
                let twice = try await store.changes(since: once.cursor)
                #expect(twice.epochs[second] == 2)
                #expect(twice.epochs[first] != 2)
                return twice.cursor
            }
            let after = try await store.changes(since: cursor)
            #expect(after.epochs[first] == 2)
            // As soon as no transaction of any database is as old.
            let isOver = try await eventually {
                let batch = try await store.changes(since: cursor)
                cursor = batch.cursor
                return batch.epochs.isEmpty
            }
            #expect(isOver)
        }
    }

    @Test func `answer the newest epoch of each workspace`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = ChangeStore(pool: installation.exchange)
            let start = try await store.changes(since: .max).cursor
            for number in 0..<5 {
                try await installation.run(
                    "UPDATE workspaces SET name = 'n\(number)' WHERE id = '\(workspace.text)'",
                    in: workspace
                )
            }
            #expect(try await store.changes(since: start).epochs == [workspace: 6])
        }
    }
}

/// Eight writers of change rows, and what they and the reader did.
private final class Writers: Sendable {
    private struct State {
        var left: [Workspace.ID]
        var committed = Set<Workspace.ID>()
        var rolledBack = Set<Workspace.ID>()
        var seen = Set<Workspace.ID>()
        var finished = 0
    }

    private struct RollBack: Error {}

    private let state: Mutex<State>

    init(_ workspaces: [Workspace.ID]) {
        state = Mutex(State(left: workspaces))
    }

    var outcome: (committed: Set<Workspace.ID>, rolledBack: Set<Workspace.ID>, seen: Set<Workspace.ID>) {
        state.withLock { ($0.committed, $0.rolledBack, $0.seen) }
    }

    /// Changes workspaces, each in a transaction that stays open for a while of its own and may be rolled back.
    func run(_ writer: Int, on installation: Installation) async throws {
        var entropy = Lehmer(seed: UInt64(writer + 1))
        while let workspace = state.withLock({ $0.left.popLast() }) {
            let isCommitted = Int.random(in: 0..<4, using: &entropy) > 0
            let before = Int.random(in: 0..<6, using: &entropy)
            let after = Int.random(in: 0..<20, using: &entropy)
            do {
                let pool = writer < 4 ? installation.superuser : installation.administration
                try await pool.transaction { transaction in
                    for _ in 0..<before { _ = try await transaction.query(roundTrip.bind()) }
                    _ = try await transaction.pipeline(
                        Tenant.enter.bind(workspace.text),
                        change.bind(workspace.raw)
                    )
                    for _ in 0..<after { _ = try await transaction.query(roundTrip.bind()) }
                    if !isCommitted { throw RollBack() }
                }
                state.withLock { _ = $0.committed.insert(workspace) }
            } catch is RollBack {
                state.withLock { _ = $0.rolledBack.insert(workspace) }
            }
        }
        state.withLock { $0.finished += 1 }
    }

    /// Reads from one cursor to the next until all writers have ended, and once more.
    func read(from start: Int64, in store: ChangeStore) async throws {
        var cursor = start
        var isLast = false
        while true {
            let batch = try await store.changes(since: cursor)
            cursor = batch.cursor
            // The first epoch is that of the workspace's own making, which other databases' transactions may keep
            // within the window.
            let changed = batch.epochs.filter { $0.value == 2 }.keys
            state.withLock { $0.seen.formUnion(changed) }
            if isLast { return }
            isLast = state.withLock { $0.finished == 8 }
        }
    }
}

private let roundTrip = Statement<Void>("SELECT 1")
private let change = Statement<UUID, Void>("UPDATE workspaces SET name = name || 'x' WHERE id = $1")
