import FoundationEssentials

extension KeySealing {
    /// Why the master keys of a service are not to be had; names the variable, never the content.
    package struct MasterKeysUnavailable: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads the master keys from the file that `MASTER_KEYS_FILE` names.
    package init(masterKeysFile path: String?) throws {
        guard let path else {
            throw MasterKeysUnavailable(
                description: "MASTER_KEYS_FILE is required: lines id:base64 of 32 bytes"
            )
        }
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw MasterKeysUnavailable(description: "MASTER_KEYS_FILE cannot be read: \(path)")
        }
        do {
            self.init(masterKeys: try MasterKeys(parsing: text))
        } catch {
            throw MasterKeysUnavailable(description: "MASTER_KEYS_FILE is malformed: \(error)")
        }
    }
}
