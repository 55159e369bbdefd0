import Foundation
import Testing

/// A second implementation, asked through Tests/TokensTests/Interop/interop.py.
///
/// The interpreter is TEST_PYTHON, else `.venv/bin/python` of the project, else python3; it needs the packages of
/// Tests/requirements.txt.
enum Python {
    typealias Request = [String: any Sendable]

    private static let interpreter: String = {
        if let path = ProcessInfo.processInfo.environment["TEST_PYTHON"] { return path }
        let venv = Vectors.projectRoot.appendingPathComponent(".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: venv) ? venv : "python3"
    }()

    private static let script = Vectors.projectRoot.appendingPathComponent(
        "Tests/TokensTests/Interop/interop.py"
    )

    static let isReady: Bool = {
        let output = try? run(["-c", "import jwt, joserfc, cryptography; print('ready')"], input: Data())
        return output.map { String(decoding: $0, as: UTF8.self) } == "ready\n"
    }()

    /// The answers to `requests`, in order, from one interpreter.
    static func ask(_ requests: [Request]) throws -> [[String: Any]] {
        var input = Data()
        for request in requests {
            input += try JSONSerialization.data(withJSONObject: request) + Data("\n".utf8)
        }
        let lines = try run([script.path], input: input).split(separator: UInt8(ascii: "\n"))
        try #require(lines.count == requests.count)
        return try lines.map { try #require(JSONSerialization.jsonObject(with: $0) as? [String: Any]) }
    }

    private static func run(_ arguments: [String], input: Data) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [interpreter] + arguments
        // Files and not pipes: neither side can fill one and wait for the other.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "interop-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (inputFile, outputFile) = (
            folder.appendingPathComponent("in"), folder.appendingPathComponent("out")
        )
        try input.write(to: inputFile)
        try Data().write(to: outputFile)
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        try process.run()
        process.waitUntilExit()
        return try Data(contentsOf: outputFile)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where Python or one of its packages is absent.
    static var needsPython: Self {
        .enabled(
            if: Python.isReady,
            "needs python3 with the packages of Tests/requirements.txt, see TEST_PYTHON"
        )
    }
}
