import Yams

/// The text of a configuration file as one tree of nodes.
enum YAMLDocument {
    static let maximumBytes = 1 << 20
    /// Aliases of aliases multiply: these bounds keep any document below a million nodes.
    static let maximumAnchors = 6
    static let maximumAliases = 60

    /// The root of the only document; `nil`, with the reason in `log`, when there is none.
    static func root(of bytes: [UInt8], log: ProblemLog) -> Node? {
        guard bytes.count <= maximumBytes else {
            log.problem("", at: nil, "the file has \(bytes.count) bytes", "at most \(maximumBytes) are read")
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            log.problem("", at: position(ofInvalidByteIn: bytes), "this is not UTF-8", "save the file as UTF-8")
            return nil
        }
        guard count("&", in: text) <= maximumAnchors, count("*", in: text) <= maximumAliases else {
            let most = "at most \(maximumAnchors) anchors and \(maximumAliases) aliases are read"
            log.problem("", at: Position(line: 1, column: 1), "too many anchors or aliases", most)
            return nil
        }
        do {
            if let root = try Yams.compose(yaml: text, .default, .default, .utf8) { return root }
            log.problem("", at: Position(line: 1, column: 1), "the file is empty", "it needs at least one pool")
        } catch let error as YamlError {
            report(error, text, log)
        } catch {
            log.problem("", at: nil, "\(error)")
        }
        return nil
    }

    private static func report(_ error: YamlError, _ text: String, _ log: ProblemLog) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if context?.text.hasPrefix("expected a single document") == true {
                log.problem("", at: Position(mark), "a second document starts here", "write one document")
            } else {
                let line = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(mark.line - 1).first
                let hasTab = line?.prefix { $0.isWhitespace }.contains("\t") == true
                let what = [problem, context?.text].compactMap { $0 }.joined(separator: " ")
                log.problem(
                    "", at: Position(mark), "not YAML: \(what)", hasTab ? "indent with spaces, not with tabs" : "")
            }
        case .reader(let problem, let offset, _, _):
            let position = offset.map { end in
                let before = text.prefix(end).split(separator: "\n", omittingEmptySubsequences: false)
                return Position(line: before.count, column: (before.last?.unicodeScalars.count ?? 0) + 1)
            }
            log.problem("", at: position, "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map(quotedBriefly).joined(separator: ", ")
            log.problem("", at: Position(context.mark), "the key \(names) is twice in this mapping", "keep one of them")
        default:
            log.problem("", at: nil, "not YAML: \(error)")
        }
    }

    private static func position(ofInvalidByteIn bytes: [UInt8]) -> Position {
        // The longest valid prefix is what comes before the first replacement that decoding had to make.
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var (line, column) = (1, 1)
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return Position(line: line, column: column)
    }

    /// Counts anchors or aliases, and at times a word of a text that looks like one.
    private static func count(_ sign: Character, in text: String) -> Int {
        var (count, previous): (Int, Character) = (0, "\n")
        var afterSign = false
        for character in text {
            if afterSign, character.isLetter || character.isNumber || character == "_" || character == "-" {
                count += 1
            }
            afterSign = character == sign && (previous.isWhitespace || "[{,:-?".contains(previous))
            previous = character
        }
        return count
    }
}
