import FoundationEssentials
import TestSupport
import Testing

@testable import Collectors

/// A stand-in for `nvidia-smi`: a shell script that notes its process and arguments and then does as told.
struct FakeTool {
    private let folder: String
    var path: String { folder + "/nvidia-smi" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/fake-tool-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    func runs(_ script: String) throws {
        let text = "#!/bin/sh\necho $$ > '\(folder)/pid'\necho \"$*\" >> '\(folder)/calls'\n\(script)\n"
        // Written aside and moved in place: a script that is still open for writing cannot be started.
        try Data(text.utf8).write(to: URL(filePath: path + ".new"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path + ".new")
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
    }

    func answers(_ text: String, exitCode: Int = 0) throws {
        try runs("cat <<'END'\n\(text)END\nexit \(exitCode)")
    }

    /// A file that a script may wait for.
    var gate: String { folder + "/gate" }

    func openGate() throws { try Data().write(to: URL(filePath: gate)) }

    /// The arguments of every run, oldest first.
    func calls() throws -> [Substring] {
        guard let data = FileManager.default.contents(atPath: folder + "/calls") else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map { $0[...] }
    }

    /// Whether the last run's process is gone, waiting for that for a few seconds at most.
    func lastProcessEnds() async throws -> Bool {
        let data = try #require(FileManager.default.contents(atPath: folder + "/pid"))
        let pid = try #require(String(decoding: data, as: UTF8.self).split(separator: "\n").first)
        return await eventually { !FileManager.default.fileExists(atPath: "/proc/\(pid)") }
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// A collector that runs it once a reading.
    func collector(deadline: Duration = .seconds(60), outputLimit: Int = 4 * 1_048_576) -> GPUCollector {
        GPUCollector(
            executable: path, usesNVML: false, staysOpen: false, deadline: deadline, outputLimit: outputLimit)
    }
}
