package import Hummingbird

/// What is known about a request before its handler runs.
///
/// It never changes once made; it is a class only so that copying a context copies one reference.
package final class RequestFacts: Sendable {
    /// The id that names the request.
    package let id: RequestIdentity
    /// Where it is held to come from.
    package let client: ClientAddress
    /// The caller's trace, when it sent a well-formed one.
    package let trace: TraceContext?

    /// What stands until the pipeline has looked at the request.
    static let unknown = RequestFacts(id: RequestIdentity(), client: ClientAddress(nil), trace: nil)

    /// States the facts; for tests and for child contexts.
    package init(id: RequestIdentity, client: ClientAddress, trace: TraceContext?) {
        self.id = id
        self.client = client
        self.trace = trace
    }
}

/// The context every route of a service gets: its logger carries the request id, and `facts` says who asks.
package struct ServiceContext: RequestContext {
    /// The framework's part.
    package var coreContext: CoreRequestContextStorage
    /// The request's facts; the pipeline sets them before any handler runs.
    package internal(set) var facts: RequestFacts
    /// The connection's peer.
    let peer: IPAddress?

    /// Makes the context of a request that came over a channel.
    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = IPAddress(source.channel.remoteAddress)
        facts = .unknown
    }

    /// The largest body a handler may decode, in bytes.
    package var maxUploadSize: Int { HTTPLimits.standard.bodyBytes }
}
