import Synchronization

/// What a listener tells.
package enum PostgresEvent: Sendable, Hashable {
    /// A session has begun to listen; whatever was known before may be out of date.
    case resync
    /// Something was notified on a channel, at least once since the last event.
    case notification(channel: String)
}

/// A listener's events, for one reader, who misses none however slow he is.
package struct PostgresEvents: AsyncSequence, Sendable {
    package typealias Element = PostgresEvent
    package typealias Failure = Never

    let mailbox: EventMailbox

    package func makeAsyncIterator() -> Iterator {
        Iterator(mailbox: mailbox)
    }

    /// Reads the events one by one.
    package struct Iterator: AsyncIteratorProtocol {
        let mailbox: EventMailbox

        /// The oldest event not read yet; nil when the listener has stopped or the task is cancelled.
        package mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async -> PostgresEvent? {
            await mailbox.next()
        }
    }
}

/// Events not read yet: one `.resync` at most, and one notification for each channel.
final class EventMailbox: Sendable {
    private struct Contents {
        var needsResync = false
        /// As few as there are channels, so that looking through them costs nothing.
        var channels: [String] = []
    }

    private let contents = Mutex(Contents())
    /// A signal holds no event, so one of them is as good as many.
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() {
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func put(_ event: PostgresEvent) {
        let isNew = contents.withLock { contents in
            switch event {
            case .resync:
                defer { contents.needsResync = true }
                return !contents.needsResync
            case .notification(let channel):
                guard !contents.channels.contains(channel) else { return false }
                contents.channels.append(channel)
                return true
            }
        }
        if isNew { signal.yield() }
    }

    func finish() {
        signal.finish()
    }

    func next() async -> PostgresEvent? {
        while true {
            if let event = take() { return event }
            for await _ in signals {
                if let event = take() { return event }
            }
            return take()
        }
    }

    private func take() -> PostgresEvent? {
        contents.withLock { contents in
            if contents.needsResync {
                contents.needsResync = false
                return .resync
            }
            return contents.channels.isEmpty ? nil : .notification(channel: contents.channels.removeFirst())
        }
    }
}
