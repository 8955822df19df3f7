import Foundation

/// A program of the machine that some tests check their output with.
package struct Tool: Sendable {
    package var path: String

    /// The first program with this name on `PATH`, then in the repository's own cache of tools.
    package init?(_ name: String) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let candidates = (folders + [SharedFixtures.repositoryRoot + "/.cache/tools/bin"]).map { $0 + "/" + name }
        guard let path = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            return nil
        }
        self.path = path
    }

    /// A Python that can import these modules: the one that `SCALE_AGENT_TEST_PYTHON` names, or the one on `PATH`.
    package static func python(importing modules: String...) -> Tool? {
        let named = ProcessInfo.processInfo.environment["SCALE_AGENT_TEST_PYTHON"]
        guard let tool = named.map(Tool.init(path:)) ?? Tool("python3"),
            let probe = try? tool.run(["-c", "import " + modules.joined(separator: ", ")]), probe.status == 0
        else { return nil }
        return tool
    }

    private init(path: String) { self.path = path }

    /// Runs it to its end with `input` as its standard input; killed after `deadline`.
    ///
    /// - Returns: its exit status, and what it wrote to standard output and error together.
    package func run(
        _ arguments: [String], input: [UInt8] = [], deadline: Duration = .seconds(60)
    ) throws -> (status: Int32, output: String) {
        // Files instead of pipes: neither side can wait for the other.
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (stdin, stdout) = (folder.appending(path: "in"), folder.appending(path: "out"))
        try Data(input).write(to: stdin)
        try Data().write(to: stdout)

        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: stdin)
        let output = try FileHandle(forWritingTo: stdout)
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        let killer = DispatchWorkItem { [id = process.processIdentifier] in kill(id, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + deadline.timeInterval, execute: killer)
        process.waitUntilExit()
        killer.cancel()
        return (process.terminationStatus, String(decoding: try Data(contentsOf: stdout), as: UTF8.self))
    }
}

extension Duration {
    fileprivate var timeInterval: Double { Double(components.seconds) }
}
