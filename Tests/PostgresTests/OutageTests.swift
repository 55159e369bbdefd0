import Foundation
import TestCluster
import Testing

@testable import Postgres

@Suite(.serialized)
struct `while the server is away` {
    /// The time a pool has in production, where the other tests are generous.
    private func strict(_ settings: inout PostgresSettings) {
        settings.acquireTimeout = .seconds(1)
        settings.connectTimeout = .seconds(2)
        settings.queryTimeout = .seconds(5)
    }

    @Test func `callers are refused at once, and served within two seconds of its return`() async throws {
        let cluster = try await ThrowawayCluster.start()
        try await withPool(url: cluster.url, strict) { pool in
            try await pool.execute(echo.bind(1))
            for mode in [ThrowawayCluster.StopMode.fast, .immediate] {
                // Load before, during and after.
                let isOver = Flag()
                let wrong = Counter()
                let slow = Counter()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<8 {
                        group.addTask {
                            while !isOver.isRaised {
                                let start = ContinuousClock.now
                                do throws(PostgresError) {
                                    let rows = try await pool.query(echo.bind(caller))
                                    if rows != [caller] { wrong.add() }
                                } catch {
                                    if !error.isUnavailability { wrong.add() }
                                    if ContinuousClock.now - start > .seconds(2) { slow.add() }
                                    await Task.yield()
                                }
                            }
                        }
                    }
                    try await cluster.stop(mode)
                    let start = ContinuousClock.now
                    let error = await failure { try await pool.query(echo.bind(1)) }
                    #expect(error?.isUnavailability == true)
                    #expect(ContinuousClock.now - start < .seconds(2))
                    try await eventually("the pool knows") {
                        if case .unavailable? = await failure({ try await pool.query(echo.bind(1)) }) {
                            true
                        } else {
                            false
                        }
                    }
                    try await cluster.start()
                    let recovery = try await eventually("the pool serves again") {
                        (try? await pool.query(echo.bind(1))) == [1]
                    }
                    #expect(recovery < .seconds(2))
                    isOver.raise()
                    try await group.waitForAll()
                }
                #expect(wrong.count == 0)
                #expect(slow.count == 0)
            }
        }
        try await cluster.remove()
    }

    @Test func `a killed postmaster is survived like any other end`() async throws {
        let cluster = try await ThrowawayCluster.start()
        try await withPool(url: cluster.url, strict) { pool in
            try await pool.execute(echo.bind(1))
            try await cluster.killPostmaster()
            let start = ContinuousClock.now
            try await eventually("the pool knows") {
                await (try? pool.query(echo.bind(1))) == nil
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            try await eventually(within: .seconds(20), "its backends are gone") {
                await (try? cluster.start()) != nil
            }
            let recovery = try await eventually("the pool serves again") {
                await (try? pool.query(echo.bind(1))) == [1]
            }
            #expect(recovery < .seconds(2))
        }
        try await cluster.remove()
    }

    @Test func `and hangs, a caller is freed by its deadline and newcomers by theirs`() async throws {
        let cluster = try await ThrowawayCluster.start()
        try await withPool(
            url: cluster.url,
            having { settings in
                strict(&settings)
                settings.connections = 1
                settings.pipelineDepth = 2
            }
        ) { pool in
            try await pool.execute(echo.bind(1))
            try await cluster.freeze()
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let error = await failure {
                            try await pool.query(echo.bind(1), deadline: .seconds(1))
                        }
                        #expect(error?.isUnavailability == true)
                    }
                }
                try await group.waitForAll()
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            try await cluster.thaw()
            try await eventually(within: .seconds(8), "the pool serves again") {
                await (try? pool.query(echo.bind(1), deadline: .seconds(1))) == [1]
            }
        }
        try await cluster.remove()
    }

    @Test func `the second of two hosts serves, and is the first one asked from then on`() async throws {
        let cluster = try await TestCluster.shared
        let port = try #require(PostgresURL.port(of: cluster.url))
        // One refuses, one takes the connection and never says a word.
        let silent = try Socket.open()
        defer { close(silent) }
        let silentPort = try Socket.listen(silent)
        for dead in [try FreePort.find(), silentPort] {
            let url = "postgresql://breezeway@127.0.0.1:\(dead),127.0.0.1:\(port)/postgres"
            try await withPool(
                url: url,
                having {
                    $0.connectTimeout = .milliseconds(500)
                    $0.validationAge = .milliseconds(1)
                }
            ) { pool in
                let process = try await pool.query(backend.bind())
                try await cluster.execute("SELECT pg_terminate_backend(\(process[0]))")
                let start = ContinuousClock.now
                try await eventually("it serves on") {
                    await (try? pool.query(echo.bind(1))) == [1]
                }
                if dead == silentPort { #expect(ContinuousClock.now - start < .milliseconds(450)) }
            }
        }
    }

    @Test func `a host that never answers blocks neither its pool's callers nor another pool`() async throws {
        let silent = try Socket.open()
        defer { close(silent) }
        let port = try Socket.listen(silent)
        try await withPool(url: "postgresql://breezeway@127.0.0.1:\(port)/postgres", strict) { deaf in
            try await withPool { pool in
                let refused = Task { await failure { try await deaf.query(echo.bind(1)) } }
                for number in 0..<100 {
                    let rows = try await pool.query(echo.bind(number))
                    #expect(rows == [number])
                }
                let start = ContinuousClock.now
                #expect(await refused.value?.isUnavailability == true)
                #expect(ContinuousClock.now - start < .seconds(2))
            }
        }
    }

    @Test func `a name without an address is an absence like others`() async throws {
        try await withPool(url: "postgresql://breezeway@no-such-host.invalid/postgres", strict) { pool in
            let error = await failure { try await pool.query(echo.bind(1)) }
            #expect(error?.isUnavailability == true)
        }
    }
}
