import FoundationEssentials
package import Testing

/// Whole outputs that are kept in the repository and compared byte for byte.
///
/// With `UPDATE_GOLDEN=1` in the environment the file is written anew instead; the change then shows in the diff.
package enum Golden {
    /// Expects the file at `path`, relative to the root of the repository, to hold exactly these bytes.
    package static func expect(
        _ bytes: [UInt8], at path: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let url = URL(filePath: SharedFixtures.repositoryRoot + "/" + path)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
            return
        }
        let kept = (try? [UInt8](Data(contentsOf: url))) ?? []
        guard kept != bytes else { return }
        let lines = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self).split(separator: "\n") }
        let difference = zip(lines(kept), lines(bytes)).enumerated().first { $0.element.0 != $0.element.1 }
        let place = difference.map { "line \($0.offset + 1):\n  kept \($0.element.0)\n  now  \($0.element.1)" }
        Issue.record(
            "\(path) differs, \(place ?? "one is the start of the other"); UPDATE_GOLDEN=1 writes it anew",
            sourceLocation: sourceLocation)
    }
}
