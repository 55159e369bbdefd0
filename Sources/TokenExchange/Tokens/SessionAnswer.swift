import Domain
import FoundationEssentials
import Hummingbird
import Tokens

/// A session as its app receives it: flat JSON, no envelope.
struct SessionAnswer: Sendable {
    let access: (token: String, expiresAt: Int64)
    /// None when the app's `refresh_payload` is off.
    let refresh: (token: String, expiresAt: Int64)?
    let csrf: String
    let userID: User.ID
    let keyID: String

    var response: Response {
        .json { json in
            json.beginObject()
            json.member("access", access.token)
            if let refresh { json.member("refresh", refresh.token) }
            json.member("csrf", csrf)
            json.member("access_expires_at", WireTime.text(of: access.expiresAt))
            if let refresh { json.member("refresh_expires_at", WireTime.text(of: refresh.expiresAt)) }
            json.member("user_id", userID.text)
            json.member("key_id", keyID)
            json.endObject()
        }
    }
}
