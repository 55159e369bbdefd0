import HTTPTypes
import Hummingbird

/// `GET /healthz`, `/readyz` and `/metrics`.
struct HealthRoutes: Sendable {
    let checks: [ReadinessCheck]
    let drain: DrainSignal
    let metrics: MetricsRegistry

    /// Adds the routes.
    func add(to router: Router<ServiceContext>) {
        router.get("healthz") { _, _ in
            Self.response(.ok, "application/json", Array(#"{"alive":true}"#.utf8))
        }
        router.get("readyz") { _, _ in
            let readiness = await Readiness(checks, drain: drain)
            return Self.response(
                readiness.isReady ? .ok : .serviceUnavailable,
                "application/json",
                readiness.body
            )
        }
        router.get("metrics") { _, _ in
            Self.response(.ok, Exposition.contentType, Array(metrics.exposition().utf8))
        }
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ body: [UInt8]) -> Response {
        Response(
            status: status,
            headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
    }
}
