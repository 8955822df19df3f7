/// A whole body, decoded.
package struct Exposition: Sendable {
    /// Families with metadata in the order of the body, then those without.
    package private(set) var families: [MetricFamily] = []
    /// Lines that were left out: they broke the grammar, or belong to a histogram or summary without readable bounds.
    package private(set) var skipped: SkippedLines
    /// Samples of a series that was there before, in whatever order of its labels. The first one is kept.
    package private(set) var duplicates = 0
    private var indexByName: [String: Int] = [:]

    /// - Parameters:
    ///   - selection: The families wanted; `nil` is all.
    ///   - limit: How many skipped lines to keep; all are counted.
    package init(
        _ bytes: [UInt8], format: ExpositionFormat, selecting selection: NameSelection? = nil,
        listing limit: Int = SkippedLines.kept
    ) throws(ExpositionError) {
        let bytes = bytes.span
        var parser = ExpositionParser(format: format, selecting: selection, listing: limit)
        var metadata = MetadataLines()
        var lines: [SampleLine] = []
        var labels: [LabelToken] = []
        while let element = try parser.next(in: bytes) {
            switch element {
            case .sample(let name, let value):
                let start = labels.count
                labels.append(contentsOf: parser.labels)
                lines.append(SampleLine(name: name, labels: start..<labels.count, value: value, number: parser.line))
            case .type(let name, let type): metadata.add(name.string(in: bytes)) { $0.type = $0.type ?? type }
            case .help(let name, let text):
                metadata.add(name.string(in: bytes)) { $0.help = $0.help ?? text.string(in: bytes) }
            case .unit(let name, let text):
                metadata.add(name.string(in: bytes)) { $0.unit = $0.unit ?? text.string(in: bytes) }
            }
        }
        skipped = parser.skipped
        // Only now, as a type may come after its samples.
        for name in metadata.names { add(metadata[name], name: name, format: format) }
        place(lines, labels, bytes)
    }

    /// The family of this name in text 0.0.4.
    package subscript(name: String) -> MetricFamily? {
        indexByName[name].map { families[$0] }
    }

    private mutating func add(_ metadata: MetadataLines.Entry, name: String, format: ExpositionFormat) {
        let type = metadata.type ?? .unknown
        let suffix = format == .openMetrics ? type.requiredSuffix ?? "" : ""
        guard indexByName[name + suffix] == nil else { return }
        indexByName[name + suffix] = families.count
        families.append(
            MetricFamily(name + suffix, help: metadata.help ?? "", type: type, unit: metadata.unit))
    }

    /// Puts each sample into its family.
    private mutating func place(_ lines: [SampleLine], _ labels: [LabelToken], _ bytes: Span<UInt8>) {
        var seen: Set<SeriesIdentity> = []
        var strings = LabelStrings()
        var numbers = families.map { _ in [Int]() }
        var last: (name: ExpositionToken, place: (family: Int, suffix: String))?
        for line in lines {
            let known = last.flatMap { equals(bytes, $0.name, line.name) ? $0.place : nil }
            let place = known ?? place(of: line.name.string(in: bytes))
            last = (line.name, place)
            guard seen.insert(SeriesIdentity(line.name, labels[line.labels], bytes)).inserted else {
                duplicates += 1
                continue
            }
            families[place.family].samples.append(
                MetricSample(
                    suffix: place.suffix, labels: strings.labels(labels[line.labels], bytes), value: line.value))
            if place.family == numbers.count { numbers.append([]) }
            numbers[place.family].append(line.number)
        }
        for family in families.indices {
            let unbounded = families[family].unboundedSamples()
            guard !unbounded.isEmpty else { continue }
            for place in unbounded.sorted() { skipped.add(numbers[family][place], .bound) }
            let samples = families[family].samples
            families[family].samples = samples.indices.filter { !unbounded.contains($0) }.map { samples[$0] }
        }
    }

    /// The family that a sample belongs to, by the types that were declared and never by the look of its name alone.
    private mutating func place(of sample: String) -> (family: Int, suffix: String) {
        if let index = indexByName[sample] { return (index, "") }
        for suffix in MetricType.partSuffixes where sample.hasSuffix(suffix) {
            if let index = indexByName[String(sample.dropLast(suffix.count))],
                families[index].type.hasPart(suffix)
            {
                return (index, suffix)
            }
        }
        indexByName[sample] = families.count
        families.append(MetricFamily(sample, type: .unknown))
        return (families.count - 1, "")
    }
}

extension MetricType {
    static let partSuffixes = ["_bucket", "_count", "_sum", "_gcount", "_gsum"]

    fileprivate func hasPart(_ suffix: String) -> Bool {
        switch self {
        case .histogram: suffix == "_bucket" || suffix == "_count" || suffix == "_sum"
        case .summary: suffix == "_count" || suffix == "_sum"
        case .gaugehistogram: suffix == "_bucket" || suffix == "_gcount" || suffix == "_gsum"
        default: false
        }
    }
}

/// What TYPE, HELP and UNIT lines say by the name that they use; the first of each counts.
private struct MetadataLines {
    struct Entry {
        var type: MetricType?
        var help: String?
        var unit: String?
    }

    private(set) var names: [String] = []
    private var entries: [String: Entry] = [:]

    subscript(name: String) -> Entry { entries[name] ?? Entry() }

    mutating func add(_ name: String, _ change: (inout Entry) -> Void) {
        if entries[name] == nil { names.append(name) }
        change(&entries[name, default: Entry()])
    }
}

private struct SampleLine {
    var name: ExpositionToken
    /// Their places among the labels of all samples.
    var labels: Range<Int>
    var value: Double
    var number: Int
}

/// Makes labels of tokens. What a line has in common with the one before is made once.
private struct LabelStrings {
    private var tokens: ArraySlice<LabelToken> = []
    private var last: [MetricLabel] = []

    mutating func labels(_ next: ArraySlice<LabelToken>, _ bytes: Span<UInt8>) -> [MetricLabel] {
        var labels: [MetricLabel] = []
        labels.reserveCapacity(next.count)
        for (index, token) in next.enumerated() {
            var label = index < last.count ? last[index] : MetricLabel("", "")
            let known = index < last.count ? tokens[tokens.startIndex + index] : nil
            if known.map({ !equals(bytes, $0.name, token.name) }) ?? true { label.name = token.name.string(in: bytes) }
            if known.map({ !equals(bytes, $0.value, token.value) }) ?? true {
                label.value = token.value.string(in: bytes)
            }
            labels.append(label)
        }
        (tokens, last) = (next, labels)
        return labels
    }
}

/// A series as Prometheus tells them apart: byte for byte, labels in no order, an empty one being none.
private struct SeriesIdentity: Hashable {
    /// Name and labels, each ended by a byte that UTF-8 never has.
    private var bytes: [UInt8] = []

    init(_ name: ExpositionToken, _ labels: ArraySlice<LabelToken>, _ body: Span<UInt8>) {
        name.append(to: &bytes, from: body)
        let areSorted = zip(labels, labels.dropFirst()).allSatisfy { precedes(body, $0.name, $1.name) }
        let sorted = areSorted ? labels : labels.sorted { precedes(body, $0.name, $1.name) }[...]
        for label in sorted where label.value.start < label.value.end {
            bytes.append(0xff)
            label.name.append(to: &bytes, from: body)
            bytes.append(0xff)
            label.value.append(to: &bytes, from: body)
        }
    }

    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}
