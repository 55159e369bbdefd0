import Foundation
import Testing

/// Public test vectors, kept beside the project and not in it.
enum Vectors {
    static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["BREEZEWAY_VECTORS"] {
            return URL(fileURLWithPath: path)
        }
        return projectRoot.appendingPathComponent("../shared/vectors").standardizedFileURL
    }()

    static let projectRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static var arePresent: Bool {
        FileManager.default.fileExists(atPath: root.path)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try FileHandle(forReadingFrom: root.appendingPathComponent(path))
        return Array(try file.readToEnd() ?? Data())
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from path: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes(path)))
    }

    static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path).sorted()
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where the folder of vectors is absent.
    static var needsVectors: Self {
        .enabled(if: Vectors.arePresent, "needs ../shared/vectors or BREEZEWAY_VECTORS")
    }
}

/// A Wycheproof file: groups of tests that share a key.
struct Wycheproof<Group: Decodable>: Decodable {
    let testGroups: [Group]
}
