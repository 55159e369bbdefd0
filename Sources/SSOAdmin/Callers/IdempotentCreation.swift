import Chassis
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Storage
import Tokens

/// A creation that may be repeated under its `Idempotency-Key`: the first answer is kept for a day and given again.
///
/// It is sealed under a key that is derived from the caller's token and the Idempotency-Key, which are stored nowhere:
/// a secret in it stays one that is shown once, to whoever made it.
struct IdempotentCreation: Sendable {
    private let request: IdempotentRequest?
    private let sealing: KeySealing?
    private let place: SealedPlace

    /// What a creation answers.
    struct Answer: Sendable {
        let json: String
        let secrets: [(String, String)]
        let location: String
        let epoch: Int

        var response: Response {
            .thing(json, adding: secrets, status: .created, location: location, epoch: epoch)
        }
    }

    /// Of a request in a workspace; refuses an `Idempotency-Key` that is not 1 to 255 visible characters.
    init(_ request: Request, body: [UInt8], in workspaceID: Workspace.ID) throws {
        place = SealedPlace(
            workspaceID: workspaceID.reference,
            name: "answer",
            purpose: .idempotentAnswer,
            algorithm: "A256GCM"
        )
        let keys = request.headers[values: .idempotencyKey]
        guard !keys.isEmpty else {
            self.request = nil
            sealing = nil
            return
        }
        guard keys.count == 1, (1...255).contains(keys[0].utf8.count),
            keys[0].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else {
            throw AdminRefusal.invalid(
                field: "Idempotency-Key",
                "Idempotency-Key takes 1 to 255 visible characters, once."
            )
        }
        let token = request.headers[.authorization] ?? ""
        let secret = SecretHash(of: "\(token)\n\(keys[0])")
        sealing = KeySealing(
            masterKeys: try MasterKeys(parsing: "caller:\(Base64.encode(secret.bytes))\n")
        )
        self.request = IdempotentRequest(
            keyHash: SecretHash(of: "key\n\(token)\n\(keys[0])").bytes,
            requestHash: SecretHash(of: Array("\(request.method.rawValue) \(request.uri.path)\n".utf8) + body)
                .bytes
        )
    }

    /// Makes a thing, or answers what it was answered the first time.
    ///
    /// `answer` says how the thing's JSON is answered; it is asked within the change.
    func make(
        as administrator: Administrator,
        _ answer: @escaping @Sendable (_ json: String, _ epoch: Int) -> Answer,
        _ body: (Administrator) async throws -> Administered<String>
    ) async throws -> Response {
        var administrator = administrator
        if let request, let sealing {
            administrator.idempotency = Idempotency(request: request) { [place] json, epoch in
                try sealing.seal(Self.encode(answer(json, epoch)), for: place)
            }
        }
        do {
            let made = try await body(administrator)
            return answer(made.value, made.epoch).response
        } catch let replay as IdempotentReplay {
            guard let sealing, replay.isOfSameRequest else { throw AdminRefusal.idempotencyKeyReused }
            var response = try Self.decode(sealing.open(replay.sealedAnswer, for: place)).response
            if let name = HTTPField.Name("Idempotent-Replayed") { response.headers[name] = "true" }
            return response
        }
    }

    private static func encode(_ answer: Answer) -> [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        json.string(answer.json)
        json.string(answer.location)
        json.integer(Int64(answer.epoch))
        for (name, secret) in answer.secrets {
            json.string(name)
            json.string(secret)
        }
        json.endArray()
        return json.bytes
    }

    private static func decode(_ bytes: [UInt8]) throws -> Answer {
        let values = try StrictJSON.parse(bytes).array ?? []
        guard values.count >= 3, let json = values[0].string, let location = values[1].string,
            let epoch = values[2].integer
        else { throw AdminRefusal.idempotencyKeyReused }
        let texts = values.dropFirst(3).compactMap(\.string)
        let secrets = stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
        return Answer(json: json, secrets: secrets, location: location, epoch: Int(epoch))
    }
}
