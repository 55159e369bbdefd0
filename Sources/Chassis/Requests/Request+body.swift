package import Hummingbird
package import NIOCore

extension Request {
    /// The whole body, of at most so many bytes; a larger one throws the 413 refusal.
    ///
    /// The connection has already read and bounded the body, so this neither waits for the client nor
    /// copies twice.
    package func collectBody(limit: Int = HTTPLimits.standard.bodyBytes) async throws -> ByteBuffer {
        do {
            return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw PlainRefusal.bodyTooLarge
        }
    }
}
