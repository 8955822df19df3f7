/// Writes text that `promtool check metrics`, Prometheus and OpenMetrics' own parser accept.
///
/// Without timestamps and exemplars. A sample whose value is `nil` or NaN is left out, and so is a family with nothing
/// left. Names are the program's own: a bad one is a broken contract and stops it; label values and help texts
/// may hold anything and are escaped.
package struct ExpositionWriter {
    package let format: ExpositionFormat
    private var bytes: [UInt8] = []
    private var family = MetricFamily("", type: .unknown)
    /// What the samples of the family begin with; empty before the first of them, which is when the head is written.
    private var sampleName: [UInt8] = []
    private var separator = Byte.open

    /// Replaces the contents of `buffer`, whose storage is used again, by what `body` writes.
    package static func write(
        _ format: ExpositionFormat, into buffer: inout [UInt8], _ body: (inout ExpositionWriter) -> Void
    ) {
        var writer = ExpositionWriter(format: format)
        swap(&buffer, &writer.bytes)
        writer.bytes.removeAll(keepingCapacity: true)
        body(&writer)
        if format == .openMetrics { writer.bytes.append(plain: "# EOF\n") }
        swap(&buffer, &writer.bytes)
    }

    /// Begins a family, and writes the samples that it holds.
    package mutating func write(_ next: MetricFamily) {
        family = next
        sampleName.removeAll(keepingCapacity: true)
        for sample in next.samples { write(sample.value, suffix: sample.suffix, labels: sample.labels) { _ in } }
    }

    /// Writes one more sample of the family.
    ///
    /// - Parameter more: Adds labels to these, by `label`.
    package mutating func write(
        _ value: Double?, suffix: String = "", labels: [MetricLabel], adding more: (inout ExpositionWriter) -> Void
    ) {
        guard let value, !value.isNaN else { return }
        if sampleName.isEmpty { writeHead() }
        bytes.append(contentsOf: sampleName)
        bytes.append(plain: suffix)
        separator = Byte.open
        for label in labels { self.label(label.name, label.value) }
        more(&self)
        if separator == Byte.comma { bytes.append(Byte.close) }
        bytes.append(Byte.blank)
        bytes.append(number: value)
        bytes.append(Byte.lineFeed)
    }

    /// Adds a label to the sample that is being written.
    package mutating func label(_ name: String, _ value: String) {
        precondition(isLegacyName(name, colons: false), "not a label name: \(name)")
        bytes.append(separator)
        bytes.append(plain: name)
        bytes.append(Byte.equals)
        bytes.append(Byte.quote)
        bytes.appendEscaped(value, quotes: true)
        bytes.append(Byte.quote)
        separator = Byte.comma
    }

    private mutating func writeHead() {
        let suffix = family.type.requiredSuffix ?? ""
        let stem = family.name.hasSuffix(suffix) ? String(family.name.dropLast(suffix.count)) : family.name
        let name = format == .openMetrics ? stem : stem + suffix
        precondition(isLegacyName(stem + suffix, colons: true), "not a metric name: \(stem + suffix)")
        sampleName.append(plain: stem + suffix)
        if !family.help.isEmpty {
            bytes.append(plain: "# HELP \(name) ")
            bytes.appendEscaped(family.help, quotes: format == .openMetrics)
            bytes.append(Byte.lineFeed)
        }
        bytes.append(plain: "# TYPE \(name) \(typeName)\n")
        if format == .openMetrics, let unit = family.unit, stem.hasSuffix("_" + unit) {
            bytes.append(plain: "# UNIT \(name) \(unit)\n")
        }
    }

    private var typeName: String {
        switch (format, family.type) {
        case (.prometheusText, .info), (.prometheusText, .stateset): "gauge"
        case (.prometheusText, .unknown), (.prometheusText, .gaugehistogram): "untyped"
        case (_, let type): type.rawValue
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

/// Whether the name matches `[a-zA-Z_:][a-zA-Z0-9_:]*`, for labels without the colon.
private func isLegacyName(_ name: String, colons: Bool) -> Bool {
    var name = name
    return name.withUTF8 { bytes in
        guard let first = bytes.first, !isDigit(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || isDigit($0) || (colons && $0 == UInt8(ascii: ":")) }
    }
}

extension [UInt8] {
    /// Appends text that needs no escapes.
    fileprivate mutating func append(plain text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }

    /// Escapes backslashes and line feeds, and where the grammar wants it quotes.
    fileprivate mutating func appendEscaped(_ text: String, quotes: Bool) {
        var text = text
        text.withUTF8 { letters in
            let isSpecial = { (byte: UInt8) in
                byte == Byte.backslash || byte == Byte.lineFeed || (quotes && byte == Byte.quote)
            }
            guard letters.contains(where: isSpecial) else { return append(contentsOf: letters) }
            for byte in letters {
                if isSpecial(byte) { append(Byte.backslash) }
                append(byte == Byte.lineFeed ? UInt8(ascii: "n") : byte)
            }
        }
    }

    /// Appends the shortest text that reads back to the same bits; whole numbers without a point.
    mutating func append(number value: Double) {
        guard let whole = Int64(exactly: value), whole.magnitude < 1 << 53, !(whole == 0 && value.sign == .minus) else {
            return append(plain: specialText(value) ?? value.description)
        }
        if whole < 0 { append(Byte.minus) }
        var rest = whole.magnitude
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}
