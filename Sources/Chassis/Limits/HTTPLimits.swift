/// What one HTTP connection may ask of us.
package struct HTTPLimits: Sendable {
    /// The longest request line, in bytes without its line end; more is 414.
    package var requestLineBytes = 8 * 1024
    /// The largest header block, in bytes with its line ends; more is 431.
    package var headerBytes = 16 * 1024
    /// The most header fields; more is 431.
    package var headerFields = 100
    /// The largest body, in bytes after chunks are joined; more is 413.
    package var bodyBytes = 64 * 1024
    /// The time from a request's first byte to the end of its headers; more is 408.
    package var headerDeadline = Duration.seconds(5)
    /// The time from the end of the headers to the end of the body; more is 408.
    package var bodyDeadline = Duration.seconds(10)
    /// The slowest average rate of a body, in bytes a second, judged once at half of its deadline; less is
    /// 408.
    package var bodyBytesPerSecond = 1024
    /// How long a connection may rest between requests, or may leave an answer unread.
    package var idleTimeout = Duration.seconds(60)
    /// How long a refused client may go on sending before it is cut off.
    package var lingerTimeout = Duration.seconds(2)
    /// How many requests a connection may carry; the last one is answered with `Connection: close`.
    package var requestsPerConnection = 1000
    /// How many connections are served at once.
    package var connections = 4096
    /// How many more are accepted for `/healthz`, `/readyz` and `/metrics` alone.
    package var reservedConnections = 64

    /// The limits every service starts from.
    package static let standard = HTTPLimits()

    /// The standard limits.
    package init() {}
}
