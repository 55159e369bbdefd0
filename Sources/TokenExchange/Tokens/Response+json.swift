import HTTPTypes
import Hummingbird
import NIOCore
import Tokens

extension Response {
    /// A JSON answer that `write` writes.
    static func json(
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:],
        _ write: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(reserving: 2048)
        write(&writer)
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes))
        )
    }

    /// `{"message":"ok"}`.
    static var ok: Response {
        .json { json in
            json.beginObject()
            json.member("message", "ok")
            json.endObject()
        }
    }
}

extension JSONWriter {
    /// A member with a text.
    mutating func member(_ name: String, _ text: String) {
        self.name(name)
        string(text)
    }

    /// A member with a text, or null.
    mutating func member(_ name: String, orNull text: String?) {
        self.name(name)
        if let text { string(text) } else { null() }
    }

    /// A member that is true or false.
    mutating func member(_ name: String, _ flag: Bool) {
        self.name(name)
        bool(flag)
    }

    /// A member with a whole number.
    mutating func member(_ name: String, _ number: Int) {
        self.name(name)
        integer(Int64(number))
    }
}
