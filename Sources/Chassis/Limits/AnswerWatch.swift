import NIOCore
import NIOHTTP1

/// Tells the gate where answers end, and the client when an answer is the connection's last.
///
/// It sits just behind the decoder, where answers are still made of parts.
final class AnswerWatch: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let gate: RequestGate

    init(gate: RequestGate) {
        self.gate = gate
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            if gate.isLast {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
            } else if gate.mustSayKeepAlive {
                head.headers.replaceOrAdd(name: "Connection", value: "keep-alive")
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            context.write(data, promise: promise)
            gate.answerEnded()
        default:
            context.write(data, promise: promise)
        }
    }

    /// The decoder refused what the gate let through; the gate answers, so that the answer looks like any
    /// other.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError {
            gate.refuse(.malformed("The request is malformed."))
        } else {
            context.fireErrorCaught(error)
        }
    }
}
