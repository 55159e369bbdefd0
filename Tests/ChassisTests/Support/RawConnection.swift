import Foundation
import NIOCore
import NIOPosix

/// A plain TCP connection of a test: what it sends is exactly what goes over the wire.
struct RawConnection {
    let inbound: NIOAsyncChannelInboundStream<ByteBuffer>
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    let channel: any Channel

    /// Opens a connection, hands it over, and closes it.
    static func open<Value>(
        _ port: Int,
        _ body: (borrowing RawConnection, inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator)
            async throws
            -> Value
    ) async throws -> Value {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var iterator = inbound.makeAsyncIterator()
            let connection = RawConnection(inbound: inbound, outbound: outbound, channel: channel.channel)
            return try await body(connection, &iterator)
        }
    }

    func send(_ text: String) async throws {
        try await outbound.write(ByteBuffer(string: text))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
    }
}

/// Sends bytes and reads until the server closes.
func exchange(_ port: Int, _ bytes: [UInt8]) async throws -> RawAnswer {
    try await RawConnection.open(port) { connection, iterator in
        try await connection.send(bytes)
        return try await RawAnswer(untilClose: &iterator)
    }
}

/// Sends a text and reads until the server closes.
func exchange(_ port: Int, _ text: String) async throws -> RawAnswer {
    try await exchange(port, Array(text.utf8))
}

/// Everything a server sent.
struct RawAnswer {
    let text: String

    /// Reads to the end of the stream.
    init(untilClose iterator: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws {
        var all = ByteBuffer()
        while var part = try await iterator.next(isolation: #isolation) { all.writeBuffer(&part) }
        text = String(buffer: all)
    }

    /// Reads until a text has come, or the stream ends.
    init(
        until end: String,
        _ iterator: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    ) async throws {
        var all = ByteBuffer()
        while !String(buffer: all).contains(end), var part = try await iterator.next(isolation: #isolation) {
            all.writeBuffer(&part)
        }
        text = String(buffer: all)
    }

    /// The status codes of all answers, in order.
    var statuses: [Int] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().compactMap { Int($0.prefix(3)) }
    }

    var status: Int? { statuses.first }

    /// The value of a header field of the first answer.
    func header(_ name: String) -> String? {
        for line in text.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }

    /// What follows the first answer's head.
    var body: String {
        text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }

    /// The body as a JSON object of texts; empty when it is none.
    var json: [String: String] {
        (try? JSONDecoder().decode([String: String].self, from: Data(body.utf8))) ?? [:]
    }
}
