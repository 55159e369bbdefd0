import FoundationEssentials
package import Hummingbird
package import Logging

/// A service's OpenAPI document, read once at the start.
///
/// It lies beside the program and not in it: as code it takes the compiler a minute.
package struct APIDocument: Sendable {
    private let document: [UInt8]?

    /// Reads the file; one that is not there is a warning, and a 404 to whoever asks for it.
    package init(path: String, logger: Logger) {
        document = (try? Data(contentsOf: URL(filePath: path))).map { Array($0) }
        if document == nil {
            logger.warning(
                "There is no OpenAPI document; /openapi.json answers 404.",
                metadata: ["path": "\(path)"]
            )
        }
    }

    /// Adds `GET /openapi.json`, which needs no credential.
    package func add(to router: Router<ServiceContext>) {
        router.get("openapi.json") { [document] _, _ in
            guard let document else { throw PlainRefusal.notFound }
            return Response(
                status: .ok,
                headers: [.contentType: "application/json", .cacheControl: "public, max-age=60"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: document))
            )
        }
    }
}

extension Setting where Value == String? {
    /// Where the OpenAPI document is; the program says where when nothing is given.
    package static var openAPIFile: Self {
        .optionalText(
            "OPENAPI_FILE",
            "the document /openapi.json answers, openapi/<program>.json when not given"
        )
    }
}
