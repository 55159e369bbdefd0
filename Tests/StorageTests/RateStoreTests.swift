import Domain
import Foundation
import Storage
import Testing

@Suite struct `A rate` {
    @Test func `counts all that come at once, each with a number of its own`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = RateStore(pool: installation.exchange)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<60 {
                    group.addTask { try await store.count("sign-in:a", in: workspace, window: 60, at: now) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.sorted() == Array(1...60))
            #expect(try await store.current("sign-in:a", in: workspace, window: 60, at: now) == 60)
        }
    }

    @Test func `is of one subject, one window and one workspace`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let rival = try await installation.workspace()
            let store = RateStore(pool: installation.exchange)
            let start = now.startOfWindow(seconds: 60)
            #expect(try await store.count("a", in: workspace, window: 60, at: start) == 1)
            #expect(try await store.count("a", in: workspace, window: 60, at: start + 59.999) == 2)
            #expect(try await store.count("a", in: workspace, window: 60, at: start + 60) == 1)
            #expect(try await store.count("b", in: workspace, window: 60, at: start) == 1)
            #expect(try await store.count("a", in: rival, window: 60, at: start) == 1)
        }
    }

    @Test func `is not counted by looking at it`() async throws {
        try await withInstallation { installation in
            let workspace = try await installation.workspace()
            let store = RateStore(pool: installation.exchange)
            for _ in 0..<3 {
                #expect(try await store.current("a", in: workspace, window: 900, at: now) == 0)
            }
            _ = try await store.count("a", in: workspace, window: 900, at: now)
            #expect(try await store.current("a", in: workspace, window: 900, at: now) == 1)
        }
    }
}

@Suite struct `A window of time` {
    private let start = Date(timeIntervalSince1970: 1_749_999_960)

    @Test(arguments: [(0, 0, 60), (0.5, 0, 60), (59, 0, 1), (59.5, 0, 1), (60, 60, 60), (-1, -60, 1)])
    func `of a minute begins with the minute and says how long it lasts`(
        _ offset: TimeInterval,
        _ begins: TimeInterval,
        _ left: Int
    ) {
        let moment = start + offset
        #expect(moment.startOfWindow(seconds: 60) == start + begins)
        #expect(moment.secondsLeftInWindow(seconds: 60) == left)
    }
}
