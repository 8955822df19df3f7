import Fleet
import Foundation
import Logging

/// What this program takes from the process that it runs in.
enum Surroundings {
    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static func now() -> Timestamp { Timestamp(secondsSince1970: Date().timeIntervalSince1970) }

    /// The folder of this executable, where `vllm-sim` lies beside it.
    static var executableFolder: String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: link ?? CommandLine.arguments.first ?? ".").deletingLastPathComponent().path
    }

    static func printError(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    static func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "scale-agent") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }

    /// Prints a value as JSON with sorted keys.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
