package import Hummingbird

extension Response {
    /// 200 with a JSON document that never changes while the program runs.
    package static func document(_ json: [UInt8]) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "public, max-age=60"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json))
        )
    }
}
