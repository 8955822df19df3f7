/// A whole body, decoded.
package struct Exposition: Sendable {
    /// Families with metadata in the order of the body, then those without.
    package private(set) var families: [MetricFamily] = []
    /// Lines that broke the grammar and were left out.
    package private(set) var skipped = SkippedLines()
    /// Samples of a series that was there before, in whatever order of its labels. The first one is kept.
    package private(set) var duplicates = 0
    private var indexByName: [String: Int] = [:]

    /// - Parameter selecting: The families wanted, by their names in text 0.0.4; `nil` is all.
    package init(
        _ bytes: [UInt8], format: ExpositionFormat, selecting: Set<String>? = nil
    ) throws(ExpositionError) {
        let bytes = bytes.span
        var parser = ExpositionParser(format: format, families: selecting)
        var metadata = MetadataLines()
        var samples: [(name: String, labels: [MetricLabel], value: Double)] = []
        while let element = try parser.next(in: bytes) {
            switch element {
            case .sample(let name, let value):
                let labels = parser.labels.map { MetricLabel($0.name.string(in: bytes), $0.value.string(in: bytes)) }
                samples.append((name.string(in: bytes), labels, value))
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
        var seen: Set<SeriesIdentity> = []
        for (name, labels, value) in samples {
            let (index, suffix) = place(of: name)
            guard seen.insert(SeriesIdentity(name: name, labels: labels)).inserted else {
                duplicates += 1
                continue
            }
            families[index].samples.append(MetricSample(suffix: suffix, labels: labels, value: value))
        }
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

    /// The family that a sample belongs to, by the types that were declared and never by the look of its name alone.
    private mutating func place(of sample: String) -> (index: Int, suffix: String) {
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

/// A series as Prometheus tells them apart: byte for byte, labels in no order, an empty one being none.
private struct SeriesIdentity: Hashable {
    /// Name and labels, each ended by a byte that UTF-8 never has.
    var bytes: [UInt8]

    init(name: String, labels: [MetricLabel]) {
        bytes = Array(name.utf8)
        let labels = labels.filter { !$0.value.isEmpty }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for label in labels {
            bytes.append(0xff)
            bytes.append(contentsOf: label.name.utf8)
            bytes.append(0xff)
            bytes.append(contentsOf: label.value.utf8)
        }
    }
}
