import TestCluster
import Testing

@Suite(.serialized)
struct `a throw-away cluster` {
    @Test func `is shared and gives databases of their own`() async throws {
        let cluster = try await TestCluster.shared
        try await cluster.withDatabase { url in
            #expect(url.contains("/test_"))
        }
    }
}
