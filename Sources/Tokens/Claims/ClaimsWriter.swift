import Domain
import FoundationEssentials

extension AccessClaims {
    /// The claims as the JSON that is signed.
    var payload: [UInt8] {
        var writer = ClaimsWriter()
        writer.text("iss", issuer)
        writer.id("sub", subject)
        writer.text("aud", audience)
        writer.text("client_id", clientID)
        writer.text("azp", authorizedParty)
        writer.id("sid", sessionID)
        writer.id("jti", tokenID)
        writer.integer("iat", issuedAt)
        writer.integer("exp", expiresAt)
        writer.integer("auth_time", authenticatedAt)
        writer.texts("amr", methods)
        writer.text("scope", scope)
        writer.id("uuid", subject)
        writer.text("aid", appID)
        writer.text("wid", workspaceID)
        writer.id("uid", tokenID)
        if isMachine { writer.truth("m2m") }
        if isImpersonated { writer.truth("imp") }
        return writer.finish()
    }
}

extension RefreshClaims {
    /// The claims as the JSON that is signed.
    var payload: [UInt8] {
        var writer = ClaimsWriter()
        writer.text("iss", issuer)
        writer.id("sub", subject)
        writer.text("aud", audience)
        writer.id("sid", sessionID)
        writer.integer("gen", generation)
        writer.id("jti", tokenID)
        writer.integer("iat", issuedAt)
        writer.integer("exp", expiresAt)
        writer.id("uuid", subject)
        writer.text("aid", appID)
        writer.text("wid", workspaceID)
        writer.id("uid", tokenID)
        return writer.finish()
    }
}

/// Writes one flat object of claims.
///
/// Names are ours and need no escape.
private struct ClaimsWriter {
    private var json = JSONWriter(reserving: 1024)

    init() {
        json.beginObject()
    }

    mutating func text(_ name: String, _ value: String) {
        json.plainName(name)
        json.string(value)
    }

    mutating func texts(_ name: String, _ values: [String]) {
        json.plainName(name)
        json.beginArray()
        for value in values { json.string(value) }
        json.endArray()
    }

    mutating func id(_ name: String, _ value: UUID) {
        json.plainName(name)
        json.plain { $0.append(canonical: value) }
    }

    mutating func integer(_ name: String, _ value: Int64) {
        json.plainName(name)
        json.integer(value)
    }

    mutating func truth(_ name: String) {
        json.plainName(name)
        json.bool(true)
    }

    mutating func finish() -> [UInt8] {
        json.endObject()
        return json.bytes
    }
}
