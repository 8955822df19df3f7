/// Reads Prometheus text (0.0.4 and 1.0.0) and OpenMetrics 1.0, a line a step, without allocating for what it reads.
///
/// A line that breaks the grammar is left out and counted, and the others are read: one bad exporter must not blind us
/// for the rest of its body. Only what cannot be told apart from it is refused as a whole: a label's value with a line
/// feed of its own, behind which whoever chose that value could write any sample. Text is read leniently (blanks, CRLF,
/// no last line feed, any order of lines, exemplars cut off), OpenMetrics by its own strict grammar within a line and as
/// leniently across lines. Timestamps and exemplars are checked and dropped. Repeated series are the
/// caller's matter, as only it knows which series it keeps; `Exposition` keeps the first.
///
/// Most lines repeat the names of the line before, up to the end or nearly so; what is the same is not checked again.
///
/// Feed the same bytes to every call, and use nothing of what was read when a call throws: the body is then damaged.
package struct ExpositionParser {
    package enum Element {
        /// A number; its labels are in `labels` until the next step.
        case sample(name: ExpositionToken, value: Double)
        case type(name: ExpositionToken, MetricType)
        case help(name: ExpositionToken, text: ExpositionToken)
        case unit(name: ExpositionToken, text: ExpositionToken)
    }

    /// The labels of the sample that was read last, in the order of the body, each name once.
    package private(set) var labels: [LabelToken] = []
    /// The number of the line that was read last, from 1.
    package private(set) var line = 0
    package private(set) var skipped: SkippedLines
    private let isStrict: Bool
    private let selection: NameSelection?
    private var position = 0
    private var hasEnded = false
    /// The name before, which most lines repeat in full or in part, and whether it is selected.
    private var lastName = ExpositionToken(start: 0, end: 0)
    private var lastIsSelected = false

    /// - Parameters:
    ///   - selection: The families wanted; lines of others are passed over unread, and so is what is wrong with them.
    ///     `nil` reads everything.
    ///   - limit: How many skipped lines to keep; all are counted.
    package init(
        format: ExpositionFormat, selecting selection: NameSelection? = nil, listing limit: Int = SkippedLines.kept
    ) {
        isStrict = format == .openMetrics
        self.selection = selection
        skipped = SkippedLines(limit: limit)
        lastIsSelected = selection == nil
    }

    /// The next line that says something, or `nil` at the end.
    package mutating func next(in bytes: Span<UInt8>) throws(ExpositionError) -> Element? {
        precondition(position <= bytes.count + 1, "other bytes than before")
        while position < bytes.count {
            let start = position
            let lineFeed = lineEnd(bytes, from: start)
            position = lineFeed &+ 1
            line &+= 1
            if hasEnded { throw .dataAfterEnd(line: line) }
            let end = textEnd(bytes, from: start, to: lineFeed)
            do throws(SkippedLine.Reason) {
                if let element = try element(bytes, start, end) { return element }
            } catch {
                labels.removeAll(keepingCapacity: true)
                for i in start..<end where bytes[at: i] == 0 { throw .nulByte(line: line) }
                if error == .labelValue, goesOn(bytes, start) { throw .lineFeedInValue(line: line) }
                skipped.add(line, error)
            }
        }
        if isStrict, !hasEnded { throw .missingEnd }
        return nil
    }

    private mutating func element(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(SkippedLine.Reason) -> Element? {
        var i = start
        if !isStrict { skipBlanks(bytes, &i, end) }
        guard i < end else {
            if isStrict { throw .blank }
            return nil
        }
        return bytes[at: i] == Byte.hash ? try metadata(bytes, i + 1, end) : try sample(bytes, i, end)
    }
}

// MARK: Samples

extension ExpositionParser {
    private mutating func sample(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(SkippedLine.Reason) -> Element? {
        var i = start
        var name = legacyName(bytes, &i, end, colons: true, known: lastName)
        if name.start < name.end, !isSelected(bytes, name) { return nil }
        let nameEnd = i
        if !isStrict { skipBlanks(bytes, &i, end) }
        if i < end, bytes[at: i] == Byte.open {
            i &+= 1
            let outer = name
            name = try labelSet(bytes, &i, end, name: name)
            if !isStrict { skipBlanks(bytes, &i, end) }
            if name != outer, let selection, !selection.contains(name, in: bytes) { return nil }
        } else {
            guard isStrict || i > nameEnd else { throw name.start < name.end ? .value : .name }
            labels.removeAll(keepingCapacity: true)
        }
        guard name.start < name.end else { throw .name }
        if isStrict { try oneBlank(bytes, &i, end, or: .value) }

        let valueStart = i
        skipToken(bytes, &i, end)
        guard let value = parseNumber(bytes, valueStart, i) else { throw .value }
        if i < end { try isStrict ? strictTail(bytes, i, end, name) : lenientTail(bytes, i, end) }
        return .sample(name: name, value: value)
    }

    /// Whether the labels would be complete, and the line with it, if values might hold line feeds.
    private mutating func goesOn(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        defer { labels.removeAll(keepingCapacity: true) }
        var i = start
        skipBlanks(bytes, &i, bytes.count)
        let name = legacyName(bytes, &i, bytes.count, colons: true)
        skipBlanks(bytes, &i, bytes.count)
        guard i < bytes.count, bytes[at: i] == Byte.open else { return false }
        i &+= 1
        do throws(SkippedLine.Reason) {
            _ = try labelSet(bytes, &i, bytes.count, name: name)
            return try sample(bytes, start, textEnd(bytes, from: i, to: lineEnd(bytes, from: i))) != nil
        } catch { return false }
    }

    /// `[timestamp] [# whatever]`
    private func lenientTail(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(SkippedLine.Reason) {
        var i = start
        skipBlanks(bytes, &i, end)
        guard i < end, bytes[at: i] != Byte.hash else { return }
        if bytes[at: i] == Byte.minus { i += 1 }
        let digits = i
        while i < end, isDigit(bytes[at: i]) { i += 1 }
        guard i > digits, i == end || isBlank(bytes[at: i]) else { throw .timestamp }
        skipBlanks(bytes, &i, end)
        guard i == end || bytes[at: i] == Byte.hash else { throw .trailing }
    }

    /// ` timestamp`, ` # {labels} value`, or both; the exemplar may have a timestamp of its own.
    private mutating func strictTail(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ name: ExpositionToken
    ) throws(SkippedLine.Reason) {
        var i = start
        try oneBlank(bytes, &i, end, or: .trailing)
        if i < end, bytes[at: i] != Byte.hash {
            try finiteNumber(bytes, &i, end, or: .timestamp)
            if i == end { return }
            try oneBlank(bytes, &i, end, or: .trailing)
        }
        let mayHaveExemplar = ends(bytes, name, with: "_total") || ends(bytes, name, with: "_bucket")
        guard mayHaveExemplar, i < end, bytes[at: i] == Byte.hash else { throw .exemplar }
        i += 1
        try oneBlank(bytes, &i, end, or: .exemplar)
        guard i < end, bytes[at: i] == Byte.open else { throw .exemplar }
        i += 1
        let own = labels.count
        guard try labelSet(bytes, &i, end, name: name, from: own) == name else { throw .exemplar }
        labels.removeLast(labels.count - own)
        try oneBlank(bytes, &i, end, or: .exemplar)
        let valueStart = i
        skipToken(bytes, &i, end)
        guard parseNumber(bytes, valueStart, i) != nil else { throw .exemplar }
        if i == end { return }
        try oneBlank(bytes, &i, end, or: .exemplar)
        try finiteNumber(bytes, &i, end, or: .exemplar)
        guard i == end else { throw .exemplar }
    }

    /// Reads behind the opening brace to behind the closing one. The labels take their places in `labels` from `first`
    /// on. As long as their names are those of the line before, which is mostly to the end, they need no checks.
    ///
    /// - Returns: The metric's name: the given one, or the lone quoted one inside the braces.
    private mutating func labelSet(
        _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, name: ExpositionToken, from first: Int = 0
    ) throws(SkippedLine.Reason) -> ExpositionToken {
        var name = name
        var next = first
        var areKnown = true
        while true {
            if areKnown, next < labels.count, let label = knownLabel(bytes, &i, end, labels[next]) {
                labels[next] = LabelToken(name: label, value: try quoted(bytes, &i, end))
                next &+= 1
            } else {
                skipBlanks(bytes, &i, end)
                guard i < end else { throw .labelSeparator }
                if bytes[at: i] == Byte.close { break }
                let isQuoted = bytes[at: i] == Byte.quote
                let label = isQuoted ? try quoted(bytes, &i, end) : legacyName(bytes, &i, end, colons: false)
                guard label.start < label.end else { throw .labelName }
                skipBlanks(bytes, &i, end)
                if i < end, bytes[at: i] == Byte.equals {
                    i &+= 1
                    skipBlanks(bytes, &i, end)
                    guard i < end, bytes[at: i] == Byte.quote else { throw .labelValue }
                    labels.removeLast(labels.count &- next)
                    labels.append(LabelToken(name: label, value: try quoted(bytes, &i, end)))
                    next &+= 1
                    areKnown = false
                } else if isQuoted, name.start == name.end {
                    name = label
                } else {
                    throw .labelName
                }
            }
            skipBlanks(bytes, &i, end)
            guard i < end else { throw .labelSeparator }
            if bytes[at: i] == Byte.close { break }
            guard bytes[at: i] == Byte.comma else { throw .labelSeparator }
            i &+= 1
        }
        i &+= 1
        labels.removeLast(labels.count &- next)
        if !areKnown, hasDuplicates(bytes, from: first) { throw .duplicateLabel }
        return name
    }

    /// Passes a label's name up to its value when both name and what follows it are as in the line before.
    private func knownLabel(
        _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, _ known: LabelToken
    ) -> ExpositionToken? {
        let (start, value) = (known.name.start, known.value.start)
        // A quoted name does not begin at its quote.
        guard bytes[at: start &- 1] != Byte.quote, repeats(bytes, i, end, start, value) else { return nil }
        let label = ExpositionToken(start: i, end: i &+ known.name.end &- start)
        i &+= value &- 1 &- start
        return label
    }

    /// Whether a label's name is there twice or is `__name__`, which the metric's own name is.
    private func hasDuplicates(_ bytes: Span<UInt8>, from first: Int) -> Bool {
        guard labels.count - first <= 32 else {
            let names = Set(labels[first...].map { $0.name.string(in: bytes) })
            return names.count < labels.count - first || names.contains("__name__")
        }
        for i in first..<labels.count {
            if bytes[at: labels[i].name.start] == UInt8(ascii: "_"), equals(bytes, labels[i].name, "__name__") {
                return true
            }
            for j in first..<i where equals(bytes, labels[i].name, labels[j].name) { return true }
        }
        return false
    }

    private mutating func isSelected(_ bytes: Span<UInt8>, _ name: ExpositionToken) -> Bool {
        if let selection, !equals(bytes, name, lastName) { lastIsSelected = selection.contains(name, in: bytes) }
        lastName = name
        return lastIsSelected
    }
}

// MARK: Metadata

extension ExpositionParser {
    /// Reads behind the `#`. In text all else is a comment; in OpenMetrics there are none, and `# EOF` ends it.
    private mutating func metadata(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(SkippedLine.Reason) -> Element? {
        var i = start
        try blanks(bytes, &i, end, or: isStrict ? .metadata : nil)
        let wordStart = i
        skipToken(bytes, &i, end)
        let word = ExpositionToken(start: wordStart, end: i)
        if isStrict, i == end, equals(bytes, word, "EOF") {
            hasEnded = true
            return nil
        }
        let isType = equals(bytes, word, "TYPE")
        let isHelp = equals(bytes, word, "HELP")
        let isUnit = isStrict && equals(bytes, word, "UNIT")
        guard wordStart > start, isType || isHelp || isUnit else {
            if isStrict { throw .metadata }
            return nil
        }

        try blanks(bytes, &i, end, or: isStrict ? .metadata : nil)
        guard i < end else {
            if isStrict { throw .metadata }
            return nil
        }
        let isQuoted = bytes[at: i] == Byte.quote
        let name = isQuoted ? try quoted(bytes, &i, end) : legacyName(bytes, &i, end, colons: true, known: lastName)
        guard name.start < name.end else { throw .metadata }
        guard isQuoted ? selection?.contains(name, in: bytes) ?? true : isSelected(bytes, name) else { return nil }
        if i < end || isStrict || isType { try blanks(bytes, &i, end, or: .metadata) }
        var text = ExpositionToken(start: i, end: end, isEscaped: true)
        if isHelp { return .help(name: name, text: text) }
        if isUnit {
            guard i == end || ends(bytes, name, with: text) else { throw .metadata }
            return .unit(name: name, text: text)
        }
        if !isStrict {
            while text.end > text.start, isBlank(bytes[at: text.end - 1]) { text.end -= 1 }
        }
        guard let type = type(bytes, text) else { throw .metadata }
        return .type(name: name, type)
    }

    /// Text knows fewer types, calls one of them differently, and those of OpenMetrics count as that one.
    private func type(_ bytes: Span<UInt8>, _ word: ExpositionToken) -> MetricType? {
        if !isStrict, equals(bytes, word, "untyped") { return .unknown }
        guard let type = MetricType.allCases.first(where: { equals(bytes, word, $0.word) }) else { return nil }
        return isStrict || type.isInText ? type : .unknown
    }

    /// Passes one blank in OpenMetrics, a run of them in text; a missing one is the given fault.
    private func blanks(
        _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, or fault: SkippedLine.Reason?
    ) throws(SkippedLine.Reason) {
        let start = i
        if isStrict {
            if i < end, bytes[at: i] == Byte.blank { i += 1 }
        } else {
            skipBlanks(bytes, &i, end)
        }
        if i == start, let fault { throw fault }
    }
}
