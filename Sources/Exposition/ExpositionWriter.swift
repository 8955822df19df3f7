/// Renders families as text that `promtool check metrics` and Prometheus accept.
///
/// Without timestamps and exemplars. A sample whose value is `nil` or NaN is left out, and so is a family with nothing
/// left. Names are the program's own: a bad one is a broken contract and stops it; label values and help texts
/// may hold anything and are escaped.
package struct ExpositionWriter: Sendable {
    package var format: ExpositionFormat

    package init(format: ExpositionFormat) {
        self.format = format
    }

    /// Replaces the contents of `buffer`, whose storage is used again.
    package func write(_ families: [MetricFamily], into buffer: inout [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        for family in families { write(family, into: &buffer) }
        if format == .openMetrics { buffer.append(contentsOf: "# EOF\n".utf8) }
    }

    private func write(_ family: MetricFamily, into buffer: inout [UInt8]) {
        guard family.samples.contains(where: { isWritten($0.value) }) else { return }
        let base = family.type.requiredSuffix.flatMap {
            family.name.hasSuffix($0) ? family.name.dropLast($0.count) : nil
        }
        let stem = base ?? family.name[...]
        let sampleName = stem + (family.type.requiredSuffix ?? "")
        let name = format == .openMetrics ? stem : sampleName
        precondition(isLegacyName(sampleName.utf8, colons: true), "not a metric name: \(sampleName)")

        if !family.help.isEmpty {
            buffer.append("# HELP ", name, " ")
            buffer.appendEscaped(family.help, quotes: format == .openMetrics)
            buffer.append("\n")
        }
        buffer.append("# TYPE ", name, " ", typeName(family.type), "\n")
        if format == .openMetrics, let unit = family.unit, stem.hasSuffix("_" + unit) {
            buffer.append("# UNIT ", name, " ", unit[...], "\n")
        }
        for sample in family.samples {
            guard let value = sample.value, isWritten(value) else { continue }
            buffer.append(sampleName, sample.suffix[...])
            writeLabels(sample.labels, into: &buffer)
            buffer.append(" ", valueText(value)[...], "\n")
        }
    }

    private func writeLabels(_ labels: [MetricLabel], into buffer: inout [UInt8]) {
        var separator: Substring = "{"
        for label in labels {
            precondition(isLegacyName(label.name.utf8, colons: false), "not a label name: \(label.name)")
            buffer.append(separator, label.name[...], "=\"")
            buffer.appendEscaped(label.value, quotes: true)
            buffer.append("\"")
            separator = ","
        }
        if !labels.isEmpty { buffer.append("}") }
    }

    private func isWritten(_ value: Double?) -> Bool { value.map { !$0.isNaN } ?? false }

    private func typeName(_ type: MetricType) -> Substring {
        switch (format, type) {
        case (.openMetrics, _): type.rawValue[...]
        case (.prometheusText, .info), (.prometheusText, .stateset): "gauge"
        case (.prometheusText, .unknown), (.prometheusText, .gaugehistogram): "untyped"
        case (.prometheusText, _): type.rawValue[...]
        }
    }
}

extension MetricType {
    /// The suffix of all samples that OpenMetrics leaves out of the family's name.
    var requiredSuffix: String? {
        switch self {
        case .counter: "_total"
        case .info: "_info"
        default: nil
        }
    }
}

/// Whether these bytes match `[a-zA-Z_:][a-zA-Z0-9_:]*`, for labels without the colon.
func isLegacyName(_ name: some Sequence<UInt8>, colons: Bool) -> Bool {
    var isFirst = true
    for byte in name {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
        case UInt8(ascii: "0")...UInt8(ascii: "9") where !isFirst: break
        case UInt8(ascii: ":") where colons: break
        default: return false
        }
        isFirst = false
    }
    return !isFirst
}

extension [UInt8] {
    fileprivate mutating func append(_ parts: Substring...) {
        for part in parts { append(contentsOf: part.utf8) }
    }

    /// Escapes backslashes and line feeds, and where the grammar wants it quotes.
    fileprivate mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append(contentsOf: [byte, byte])
            case UInt8(ascii: "\n"): append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case UInt8(ascii: "\"") where quotes: append(contentsOf: [UInt8(ascii: "\\"), byte])
            default: append(byte)
            }
        }
    }
}
