import Foundation

/// Runs a program to its end.
enum Command {
    struct Failed: Error {
        var status: Int32
        var output: String
    }

    /// Returns what it wrote to standard output. The input goes through a file, so that neither side waits for the other.
    static func run(_ path: String, _ arguments: [String], input: Data = Data()) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try input.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus, output: text) }
        return text
    }
}
