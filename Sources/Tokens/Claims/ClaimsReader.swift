import Domain
import FoundationEssentials

extension AccessClaims {
    /// Reads the claims of a payload whose signature is good; a claim not as we write it is refused.
    init(payload: JSONObject) throws(TokenRefusal) {
        let reader = ClaimsReader(payload)
        self.init(
            issuer: try reader.text("iss"),
            subject: try reader.id("sub", repeatedAs: "uuid"),
            audience: try reader.text("aud"),
            clientID: try reader.text("client_id"),
            authorizedParty: try reader.text("azp"),
            appID: try reader.text("aid"),
            workspaceID: try reader.text("wid"),
            sessionID: try reader.id("sid"),
            tokenID: try reader.id("jti", repeatedAs: "uid"),
            issuedAt: try reader.time("iat"),
            expiresAt: try reader.time("exp"),
            authenticatedAt: try reader.time("auth_time"),
            methods: try reader.texts("amr"),
            scope: try reader.text("scope"),
            isMachine: reader.mark("m2m"),
            isImpersonated: reader.mark("imp") || reader.mark("act")
        )
    }
}

extension RefreshClaims {
    /// Reads the claims of a payload whose signature is good; a claim not as we write it is refused.
    init(payload: JSONObject) throws(TokenRefusal) {
        let reader = ClaimsReader(payload)
        self.init(
            issuer: try reader.text("iss"),
            subject: try reader.id("sub", repeatedAs: "uuid"),
            audience: try reader.text("aud"),
            sessionID: try reader.id("sid"),
            generation: try reader.count("gen"),
            appID: try reader.text("aid"),
            workspaceID: try reader.text("wid"),
            tokenID: try reader.id("jti", repeatedAs: "uid"),
            issuedAt: try reader.time("iat"),
            expiresAt: try reader.time("exp")
        )
    }
}

/// Reads claims by name, naming the one it refuses.
struct ClaimsReader {
    private let payload: JSONObject

    init(_ payload: JSONObject) {
        self.payload = payload
    }

    func text(_ name: String) throws(TokenRefusal) -> String {
        guard let text = payload[name]?.string else { throw .claim(name) }
        return text
    }

    func texts(_ name: String) throws(TokenRefusal) -> [String] {
        guard let elements = payload[name]?.array else { throw .claim(name) }
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw .claim(name) }
        return texts
    }

    func id(_ name: String) throws(TokenRefusal) -> UUID {
        guard let text = payload[name]?.string, let id = UUID(canonical: text) else { throw .claim(name) }
        return id
    }

    /// An id that the token says twice, the same both times.
    func id(_ name: String, repeatedAs other: String) throws(TokenRefusal) -> UUID {
        let id = try id(name)
        guard try self.id(other) == id else { throw .claim(other) }
        return id
    }

    func count(_ name: String) throws(TokenRefusal) -> Int64 {
        guard let value = payload[name]?.integer, value >= 0 else { throw .claim(name) }
        return value
    }

    /// A NumericDate (RFC 7519 section 2) in whole seconds, between 1970 and 2242.
    func time(_ name: String) throws(TokenRefusal) -> Int64 {
        guard let value = payload[name]?.integer, value > 0, value < 1 << 33 else { throw .claim(name) }
        return value
    }

    /// Whether the claim is there and says anything but `false` or `null`.
    func mark(_ name: String) -> Bool {
        guard let value = payload[name] else { return false }
        return value.bool != false && !value.isNull
    }
}
