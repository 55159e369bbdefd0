import HTTPTypes
import NIOCore

/// The first handler of every connection: lets whole, well-formed, bounded requests through, one at a time.
///
/// A request's bytes go on only when its head has been checked and its body has come in full, so no handler
/// ever waits for a slow client, and nothing behind the gate sees bytes that were not checked. The next
/// request's bytes stay here until the answer to the one before has been written. What is refused is
/// answered here, and the connection is then closed in the order that lets the client read the answer:
/// half-close, wait for its end, close.
///
/// ```
///   head ──complete──▶ body ──complete──▶ answering ──answer written──▶ head
///     │                  │                    │ (last request, draining, client closes)
///     └─────refused──────┴────────────────────▶ closing ──▶ closed
/// ```
final class RequestGate: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case head, body, answering, closing }

    private let limits: HTTPLimits
    private let edge: HTTPEdge
    private var isOverflow = false
    private var phase = Phase.head
    private var held = ByteBuffer()
    private var scanner: HeadScanner
    private var head: RequestHead?
    private var headBytes = 0
    private var framing: BodyFraming?
    private var served = 0
    private var inputEnded = false
    private var isQuiescing = false
    private var readIsHeld = false
    private var bodyIsJudged = false
    private var alarm = Alarm()
    private var context: ChannelHandlerContext?

    init(limits: HTTPLimits, edge: HTTPEdge) {
        self.limits = limits
        self.edge = edge
        scanner = HeadScanner(limits: limits)
    }

    // The context is kept while the handler is in the pipeline, for the answers' end, which arrives from
    // behind.

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isOverflow = edge.connectionOpened() > limits.connections
        // A connection that comes while the listener is being closed may miss the word that it is; it must
        // not keep the service from ending.
        setAlarm(
            after: edge.drain.isDraining ? min(limits.idleTimeout, limits.lingerTimeout) : limits.idleTimeout
        )
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm.cancel()
        self.context = nil
        edge.connectionClosed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .closing { return }
        var bytes = unwrapInboundIn(data)
        if held.readableBytes == 0 {
            held = bytes
        } else {
            held.writeBuffer(&bytes)
        }
        advance(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Nobody behind asks for more once the connection ends, but its end must still be noticed.
        if phase == .closing { context.read() }
    }

    /// Looks at the bytes held, as far as the phase allows.
    private func advance(_ context: ChannelHandlerContext) {
        do throws(PlainRefusal) {
            if phase == .head, held.readableBytes > 0 { try advanceHead(context) }
            if phase == .body { try advanceBody(context) }
        } catch {
            refuse(error, context)
        }
    }

    private func advanceHead(_ context: ChannelHandlerContext) throws(PlainRefusal) {
        let isFirst = !scanner.hasBegun
        switch scanner.scan(held.readableBytesUInt8Span) {
        case .incomplete:
            if isFirst { setAlarm(after: limits.headerDeadline) }
        case .refused(let refusal):
            throw refusal
        case .complete(let bytes):
            let head = try RequestHead(held.readableBytesUInt8Span, lines: scanner.lines)
            self.head = head
            headBytes = bytes
            if isOverflow, !HTTPEdge.reserved.contains(head.line.path) {
                throw .temporarilyUnavailable()
            }
            framing = try BodyFraming(head.framing, limit: limits.bodyBytes)
            phase = .body
            bodyIsJudged = false
        }
    }

    private func advanceBody(_ context: ChannelHandlerContext) throws(PlainRefusal) {
        guard var framing else {
            letThrough(bytes: headBytes, context)
            return
        }
        let isFirst = framing.received == 0
        let outcome = framing.scan(held.readableBytesUInt8Span, from: headBytes)
        self.framing = framing
        switch outcome {
        case .complete(let bytes):
            letThrough(bytes: headBytes + bytes, context)
        case .refused(let refusal):
            throw refusal
        case .incomplete where isFirst:
            setAlarm(after: limits.bodyDeadline / 2)
            if head?.expectsContinue == true {
                head?.expectsContinue = false
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")),
                    promise: nil
                )
            }
        case .incomplete:
            break
        }
    }

    private func letThrough(bytes: Int, _ context: ChannelHandlerContext) {
        guard let message = held.readSlice(length: bytes) else { return }
        if held.readableBytes == 0 { held = ByteBuffer() }
        phase = .answering
        served += 1
        alarm.clear()
        context.fireChannelRead(wrapInboundOut(message))
    }

    // MARK: The answer

    /// Whether the answer being written is the connection's last.
    var isLast: Bool {
        phase == .closing || isQuiescing || inputEnded && held.readableBytes == 0 || edge.drain.isDraining
            || head?.keepsAlive != true
            || served >= limits.requestsPerConnection
    }

    /// Whether the client speaks HTTP/1.0 and must be told that the connection stays.
    var mustSayKeepAlive: Bool { head?.line.minorVersion == 0 }

    /// Goes on to the next request, or closes; called when the last byte of an answer has been written.
    func answerEnded() {
        guard phase == .answering, let context else { return }
        if isLast {
            finish(context)
            return
        }
        phase = .head
        scanner = HeadScanner(limits: limits)
        setAlarm(after: limits.idleTimeout)
        resumeReading(context)
        if held.readableBytes > 0 {
            // Not at once: the answer just written is still on its way down the pipeline.
            context.eventLoop.assumeIsolated().execute {
                guard self.phase == .head, let context = self.context else { return }
                self.advance(context)
                context.fireChannelReadComplete()
                // What is held will never be completed.
                if self.inputEnded, self.phase == .head || self.phase == .body { context.close(promise: nil) }
            }
        }
    }

    /// Answers on behalf of everything behind the gate, and closes.
    func refuse(_ refusal: PlainRefusal, _ context: ChannelHandlerContext? = nil) {
        guard let context = context ?? self.context, phase != .closing else { return }
        let answer = edge.answer(refusal, to: head, over: context.channel)
        context.write(wrapOutboundOut(answer), promise: nil)
        finish(context)
    }

    /// Closes once everything written has gone out: our half first, the rest when the client has closed its
    /// own.
    private func finish(_ context: ChannelHandlerContext) {
        phase = .closing
        held = ByteBuffer()
        setAlarm(after: limits.idleTimeout)
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            guard let context = self.context else { return }
            if self.inputEnded {
                context.close(promise: nil)
            } else {
                context.close(mode: .output, promise: nil)
                self.setAlarm(after: self.limits.lingerTimeout)
                context.read()
            }
        }
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        if readIsHeld {
            readIsHeld = false
            context.read()
        }
    }

    // MARK: Time

    private func setAlarm(after duration: Duration) {
        guard let context else { return }
        alarm.set(.now() + TimeAmount(duration), on: context.eventLoop) { self.timeIsUp() }
    }

    private func timeIsUp() {
        guard let context else { return }
        switch phase {
        case .head where !scanner.hasBegun, .answering, .closing:
            context.close(promise: nil)
        case .head:
            refuse(.requestTimeout, context)
        case .body:
            let half = limits.bodyDeadline / 2
            let least = Int(half.components.seconds) * limits.bodyBytesPerSecond
            guard !bodyIsJudged, (framing?.received ?? 0) >= least else {
                refuse(.requestTimeout, context)
                return
            }
            bodyIsJudged = true
            setAlarm(after: limits.bodyDeadline - half)
        }
    }

    // MARK: The rest of the pipeline's events

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .answering {
            if context.channel.isWritable { alarm.clear() } else { setAlarm(after: limits.idleTimeout) }
        }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        if phase == .answering, held.readableBytes >= limits.headerBytes {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            if phase == .head, !scanner.hasBegun { context.close(promise: nil) }
        case ChannelEvent.inputClosed:
            inputEnded = true
            // While an answer is under way the client may have closed its half only; what it asked for it
            // still gets.
            if phase != .answering { context.close(promise: nil) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            if phase != .closing { finish(context) }
            promise?.succeed()
        case .all where phase == .closing:
            // Somebody behind is done with the connection; the client is still given its time to read the
            // answer.
            promise?.succeed()
        default:
            context.close(mode: mode, promise: promise)
        }
    }
}
