/// One thing that is wrong with a configuration file, and what would be right.
package struct ConfigProblem: Hashable, Sendable {
    package var file: String
    /// From 1; `nil` when the file could not be read at all.
    package var line: Int?
    /// From 1, in characters.
    package var column: Int?
    /// The key, such as `pools[0].policy.headroom.ratio`; empty for the file as a whole.
    package var path: String
    /// What was expected, and what was found.
    package var what: String
    /// What would be right; empty when `what` says it already.
    package var remedy: String
}

extension ConfigProblem: CustomStringConvertible, Comparable {
    /// One line: `scale-agent.yaml:14:7: pools[0].min: expected 1 or more, found 0; write for example 1`.
    package var description: String {
        let place = [file, line.map(String.init), column.map(String.init)].compactMap { $0 }.joined(separator: ":")
        return "\(place): " + (path.isEmpty ? "" : "\(path): ") + what + (remedy.isEmpty ? "" : "; \(remedy)")
    }

    /// By position, then by text.
    package static func < (a: ConfigProblem, b: ConfigProblem) -> Bool {
        (a.line ?? 0, a.column ?? 0, a.path, a.what) < (b.line ?? 0, b.column ?? 0, b.path, b.what)
    }
}

/// Everything that is wrong with a configuration file, at once.
package struct ConfigProblems: Error, Hashable, Sendable, CustomStringConvertible {
    /// By position; at least one.
    package var problems: [ConfigProblem]

    init(_ problems: [ConfigProblem]) { self.problems = problems.sorted() }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Why a file that the configuration depends on could not be read.
package struct UnreadableFile: Error, Hashable, Sendable {
    /// Completes "it cannot be read: ".
    package var reason: String

    package init(reason: String) { self.reason = reason }
}
