package import HTTPTypes
import NIOCore

/// The address a request is held to come from.
///
/// It is the connection's peer, unless that peer is a trusted proxy: then it is the last address in
/// `X-Forwarded-For` that is not itself a trusted proxy. A malformed or missing entry ends the walk at the
/// address before it, so that nobody behind a proxy can name an address of their choosing.
package struct ClientAddress: Sendable, Hashable {
    /// The address; nil when the connection has none (a test in memory, a Unix socket).
    package let ip: IPAddress?

    /// Makes an address known by other means.
    package init(_ ip: IPAddress?) {
        self.ip = ip
    }

    /// Resolves the address of a request.
    package init(peer: IPAddress?, headers: HTTPFields, trusting proxies: [Network]) {
        guard let peer, !proxies.isEmpty, Self.isTrusted(peer, proxies) else {
            ip = peer
            return
        }
        var current = peer
        walk: for line in headers[values: .xForwardedFor].reversed() {
            for entry in line.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                guard let address = IPAddress(String(entry.trimming(" "))) else { break walk }
                current = address
                if !Self.isTrusted(address, proxies) { break walk }
            }
        }
        ip = current
    }

    private static func isTrusted(_ address: IPAddress, _ proxies: [Network]) -> Bool {
        proxies.contains { $0.contains(address) }
    }
}

extension ClientAddress: CustomStringConvertible {
    /// The address, or `-` when there is none.
    package var description: String { ip?.description ?? "-" }
}

extension IPAddress {
    /// The address of a socket; nil for a Unix socket.
    init?(_ address: SocketAddress?) {
        guard let address, address.protocol != .unix else { return nil }
        // The offsets are those of sockaddr_in and sockaddr_in6, and the kernel's structure is at least
        // that long.
        self = unsafe address.withSockAddr { pointer, _ in
            let bytes = unsafe UnsafeRawPointer(pointer)
            if address.protocol == .inet {
                return IPAddress(
                    v4: UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                )
            }
            return IPAddress(
                v6: UInt128(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt128.self))
            )
        }
    }
}
