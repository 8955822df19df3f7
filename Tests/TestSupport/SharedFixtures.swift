import FoundationEssentials

/// Captures and contracts that live beside the repository and not in it.
///
/// Tests that need them are switched off where the folder is absent; `scripts/test` says so loudly.
package enum SharedFixtures {
    /// The folder `../shared` beside the repository root, or the one that `SCALE_AGENT_SHARED` names.
    package static let directory: String? = {
        let named = ProcessInfo.processInfo.environment["SCALE_AGENT_SHARED"]
        let path = named ?? repositoryRoot + "/../shared"
        return FileManager.default.fileExists(atPath: path + "/fixtures") ? path : nil
    }()

    package static var available: Bool { directory != nil }

    /// The root of this repository, from this file's own place in it.
    package static let repositoryRoot: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// The bytes of a file below `../shared`.
    package static func bytes(_ path: String) throws -> [UInt8] {
        guard let directory else { throw MissingFixture(path: path) }
        return try [UInt8](Data(contentsOf: URL(filePath: directory + "/" + path)))
    }

    /// The bytes of a file below `Tests/Fixtures`.
    package static func ownBytes(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: repositoryRoot + "/Tests/Fixtures/" + path)))
    }
}

package struct MissingFixture: Error {
    package var path: String
}
