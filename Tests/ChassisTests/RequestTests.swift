import Testing

@testable import Chassis

@Suite struct `A request id` {
    @Test(arguments: ["a", "A-z_0.9", String(repeating: "x", count: 64)])
    func `of the client's is taken when well formed`(text: String) {
        #expect(RequestIdentity(text)?.description == text)
    }

    @Test(arguments: [nil, "", "a b", "a\n", "é", "a/b", String(repeating: "x", count: 65), "<script>"])
    func `of the client's is ignored otherwise`(text: String?) {
        #expect(RequestIdentity(text) == nil)
    }

    @Test func `made here is well formed, unique and in order of time`() {
        let ids = (0..<1000).map { _ in RequestIdentity().description }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { RequestIdentity($0) != nil && $0.count == 32 })
        #expect(ids.map { $0.prefix(12) } == ids.map { $0.prefix(12) }.sorted())
    }
}

@Suite struct `A trace context` {
    static let trace = "0af7651916cd43dd8448eb211c80319c"
    static let valid = "00-\(trace)-b7ad6b7169203331-01"

    @Test func `continues the caller's trace with a span of its own`() throws {
        let context = try #require(TraceContext(Self.valid))
        #expect(context.traceID == Self.trace)
        #expect(context.parentID == "b7ad6b7169203331")
        #expect(context.spanID != context.parentID)
        #expect(TraceContext(context.outgoing)?.parentID == context.spanID)
        #expect(context.outgoing.hasSuffix("-01"))
    }

    @Test func `may be of a later version that says more`() {
        #expect(TraceContext("cc-\(Self.trace)-b7ad6b7169203331-00-more") != nil)
        #expect(TraceContext("cc-\(Self.trace)-b7ad6b7169203331-00") != nil)
    }

    @Test(arguments: [
        nil, "", "00", "ff-\(trace)-b7ad6b7169203331-01", "00-\(trace)-b7ad6b7169203331-01-more",
        "00-\(trace)-b7ad6b7169203331-0", "00-\(trace.uppercased())-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-\(trace)-0000000000000000-01",
        "00-\(trace)-b7ad6b7169203331-0g", "00_\(trace)-b7ad6b7169203331-01",
        "cc-\(trace)-b7ad6b7169203331-00x",
        "0x-\(trace)-b7ad6b7169203331-01", "é-\(trace)-b7ad6b7169203331-01",
    ]) func `is ignored when malformed`(text: String?) {
        #expect(TraceContext(text) == nil)
    }
}
