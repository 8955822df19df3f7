import Yams

/// One mapping of the file: hands out the keys that are asked for, and at the end reports those that nobody asked for.
///
/// A value that is absent or wrong reads as `nil`; what was wrong is in the log, so the caller just goes on.
final class MappingReader {
    let path: String
    let log: ProblemLog
    private let position: Position?
    private var entries: [String: (position: Position?, value: Node)] = [:]
    /// In the order of the file, as messages follow it.
    private(set) var names: [String] = []
    private var known: [String] = []
    private var unsound: Set<String> = []

    /// - Parameter node: `nil` reads as a mapping without keys; anything but a mapping is a problem.
    init(_ node: Node?, path: String, position: Position?, log: ProblemLog) {
        (self.path, self.log, self.position) = (path, log, node?.position ?? position)
        guard let node else { return }
        guard case .mapping(let mapping) = node else {
            log.problem(path, at: node.position, "expected a mapping of keys to values, found \(Self.shown(node))")
            return
        }
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                log.problem(path, at: key.position, "expected a key, found \(Self.shown(key))")
                continue
            }
            names.append(name.string)
            entries[name.string] = (key.position, value)
        }
    }

    // MARK: Values

    func has(_ key: String) -> Bool { entries[key] != nil }

    /// Whether nothing was wrong with these keys, so that they can be compared with each other.
    func isSound(_ keys: String...) -> Bool { unsound.isDisjoint(with: keys) }

    func read<Value>(_ key: String, _ kind: ValueKind<Value>) -> Value? {
        guard let node = ask(key) else { return nil }
        let value = scalar(node, kind, path(key))
        if value == nil { unsound.insert(key) }
        return value
    }

    /// Leaves `target` as it is when the key is absent or wrong.
    func read<Value>(_ key: String, _ kind: ValueKind<Value>, into target: inout Value) {
        if let value = read(key, kind) { target = value }
    }

    func read<Value>(_ key: String, _ kind: ValueKind<Value>, into target: inout Value?) {
        if let value = read(key, kind) { target = value }
    }

    func required<Value>(_ key: String, _ kind: ValueKind<Value>) -> Value? {
        if !has(key) { missing(key, "write for example \(key): \(kind.example)") }
        return read(key, kind)
    }

    /// Every element of a list that is not empty; `nil` when the key is absent or any element is wrong.
    func list<Value>(_ key: String, _ kind: ValueKind<Value>) -> [Value]? {
        let nodes = elements(key)
        let values = nodes?.enumerated().compactMap { scalar($1, kind, "\(path(key))[\($0)]") }
        guard let nodes, let values, nodes.count == values.count else {
            if has(key) { unsound.insert(key) }
            return nil
        }
        return values
    }

    /// The same; empty where the key says `off`.
    func listOrOff<Value>(_ key: String, _ kind: ValueKind<Value>) -> [Value]? {
        if case .scalar(let scalar) = entries[key]?.value, scalar.string == "off" {
            _ = ask(key)
            return []
        }
        return list(key, kind)
    }

    /// The mapping below a key; without keys when it is absent.
    func mapping(_ key: String) -> MappingReader {
        let node = ask(key)
        return MappingReader(node, path: path(key), position: entries[key]?.position ?? position, log: log)
    }

    /// The mapping below a key, without keys when it is absent; `nil` where the key says `off`.
    func mappingOrOff(_ key: String) -> MappingReader? {
        if case .scalar(let scalar) = entries[key]?.value, scalar.string == "off" {
            _ = ask(key)
            return nil
        }
        return mapping(key)
    }

    /// The mappings in the list below a key.
    ///
    /// - Parameters:
    ///   - shorthand: a key; an element that is no mapping is short for one with that key alone.
    ///   - orOne: whether a scalar is a list of one.
    func mappings(_ key: String, shorthand: String? = nil, orOne: Bool = false) -> [MappingReader] {
        (elements(key, orOne: orOne) ?? []).enumerated().map { index, element in
            var node = element
            if let shorthand, case .scalar = element { node = .mapping(.init([(.scalar(.init(shorthand)), element)])) }
            return MappingReader(
                node, path: "\(path(key))[\(index)]", position: element.position ?? position, log: log)
        }
    }

    private func elements(_ key: String, orOne: Bool = false) -> [Node]? {
        guard let node = ask(key) else { return nil }
        if orOne, case .scalar = node { return [node] }
        if case .sequence(let list) = node, !list.isEmpty { return Array(list) }
        let found = node.sequence == nil ? Self.shown(node) : "an empty one"
        log.problem(path(key), at: node.position, "expected a list, found \(found)")
        return nil
    }

    private func ask(_ key: String) -> Node? {
        known.append(key)
        log.asked(for: path(key))
        return entries[key]?.value
    }

    private func scalar<Value>(_ node: Node, _ kind: ValueKind<Value>, _ path: String) -> Value? {
        var misfit = Misfit()
        if case .scalar(let scalar) = node, !Self.isNull(node) {
            do {
                return try kind.read(scalar.string, scalar.style == .plain || scalar.style == .any)
            } catch { misfit = error }
        }
        log.problem(
            path, at: node.position, misfit.what ?? "expected \(kind.expected), found \(Self.shown(node))",
            misfit.remedy ?? "write for example \(kind.example)")
        return nil
    }

    // MARK: Problems

    func problem(at key: String, _ what: String, _ remedy: String = "") {
        unsound.insert(key)
        log.problem(path(key), at: entries[key]?.value.position ?? position, what, remedy)
    }

    func warning(at key: String, _ what: String, _ remedy: String = "") {
        log.warning(path(key), at: entries[key]?.value.position ?? position, what, remedy)
    }

    func missing(_ key: String, _ remedy: String) {
        unsound.insert(key)
        log.problem(path(key), at: position, "this key is missing", remedy)
    }

    /// Reports the keys that nobody asked for.
    func finish() {
        for name in names where !known.contains(name) {
            let here = "keys here are \(known.joined(separator: ", "))"
            let nearest = known.map { (distance: editDistance(name, $0), key: $0) }.min { $0.distance < $1.distance }
            let isNear = nearest.map { $0.distance <= max(2, $0.key.count / 3) } ?? false
            let remedy = isNear ? nearest.map { "did you mean \($0.key)?" } ?? here : here
            let what = name == "<<" ? "merge keys are not read" : "unknown key"
            log.problem(
                path(name), at: entries[name]?.position, what,
                name == "<<" ? "give a whole mapping by an alias, such as policy: *name" : remedy)
        }
    }

    private func path(_ key: String) -> String {
        let name = key.allSatisfy { $0.isLetter || $0.isNumber || "_-<".contains($0) } ? key : quotedBriefly(key)
        return path.isEmpty ? name : "\(path).\(name)"
    }

    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private static func shown(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): isNull(node) ? "nothing" : quotedBriefly(scalar.string)
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }
}

/// Levenshtein's distance: insertions, deletions and replacements from one text to the other.
func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, left) in a.prefix(100).enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, right) in b.enumerated() {
            (diagonal, row[j + 1]) = (row[j + 1], min(row[j] + 1, row[j + 1] + 1, diagonal + (left == right ? 0 : 1)))
        }
    }
    return row[b.count]
}
