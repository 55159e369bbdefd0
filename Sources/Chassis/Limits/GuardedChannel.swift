import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Hummingbird's HTTP/1.1 channel with our gate in front of its decoder.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    private let http1: HTTP1Channel
    private let limits: HTTPLimits
    private let edge: HTTPEdge

    init(limits: HTTPLimits, edge: HTTPEdge, responder: @escaping HTTPChannelHandler.Responder) {
        self.limits = limits
        self.edge = edge
        // The gate is the stricter of the two; the decoder's own limits stand behind it all the same.
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headerBytes,
            maxHeaderListSize: limits.headerBytes + limits.requestLineBytes,
            maxHeaderFieldCount: limits.headerFields
        )
        http1 = HTTP1Channel(responder: responder, configuration: .init(httpDecoderConfiguration: decoder))
    }

    /// Builds the pipeline: gate, Hummingbird's encoder and decoder, watch, the rest of Hummingbird's.
    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let gate = RequestGate(limits: limits, edge: edge)
        do {
            try channel.pipeline.syncOperations.addHandler(gate)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        let value = http1.setup(channel: channel, logger: logger)
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(AnswerWatch(gate: gate), position: .after(decoder))
        }.flatMap { value }
    }

    /// Serves the connection until it closes.
    func handle(value: Value, logger: Logger) async {
        await http1.handle(value: value, logger: logger)
    }
}
