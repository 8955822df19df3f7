import Yams

/// A place in the file; lines and columns count from 1, columns in Unicode scalars.
struct Position: Hashable {
    var line: Int
    var column: Int
}

extension Position {
    init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}

extension Node {
    var position: Position? { mark.map(Position.init) }
}

/// Collects what is wrong while a document is read, so that everything is told at once.
final class ProblemLog {
    let file: String
    private(set) var problems: [ConfigProblem] = []
    private(set) var warnings: [ConfigProblem] = []
    /// Every key that was asked for, present or not, such as `pools[0].policy`.
    private(set) var keys: Set<String> = []

    init(file: String) { self.file = file }

    func problem(_ path: String, at mark: Position?, _ what: String, _ remedy: String = "") {
        problems.append(entry(path, mark, what, remedy))
    }

    func warning(_ path: String, at mark: Position?, _ what: String, _ remedy: String = "") {
        warnings.append(entry(path, mark, what, remedy))
    }

    func asked(for key: String) { keys.insert(key) }

    private func entry(_ path: String, _ mark: Position?, _ what: String, _ remedy: String) -> ConfigProblem {
        ConfigProblem(file: file, line: mark?.line, column: mark?.column, path: path, what: what, remedy: remedy)
    }
}
