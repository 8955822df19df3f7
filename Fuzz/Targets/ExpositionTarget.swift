import Exposition

/// Reads the body in both formats. What was read must not depend on what the parser remembers of the lines before, nor
/// on whether families were selected, and must read back the same after it was written.
func fuzzExposition(_ body: [UInt8]) {
    for format in ExpositionFormat.allCases {
        guard let whole = try? Exposition(body, format: format) else { continue }
        requireLinesStandAlone(body, format)
        requireSelectionChangesNothing(whole, body, format)
        for family in whole.families {
            for histogram in family.histograms() {
                require(histogram.buckets.last?.upperBound == .infinity, "a histogram without +Inf")
            }
            requireReadsBack(family, format)
        }
        _ = ExpositionInspection(body, format: format).json
    }
}

/// The parser skips checks of what is as in the line before; one that starts at each line has nothing to skip.
private func requireLinesStandAlone(_ body: [UInt8], _ format: ExpositionFormat) {
    let together = elements(body, format)
    var apart: [[String]] = []
    for line in body.split(separator: UInt8(ascii: "\n")) { apart += elements(line + [UInt8(ascii: "\n")], format) }
    require(together == apart, "in \(format) lines read together and apart differ:\n\(together)\n\(apart)")
}

private func elements(_ body: [UInt8], _ format: ExpositionFormat) -> [[String]] {
    var parser = ExpositionParser(format: format)
    var elements: [[String]] = []
    let bytes = body.span
    // A line alone has no end mark; what was read before that is found out counts here.
    while let element = try? parser.next(in: bytes) {
        switch element {
        case .sample(let name, let value):
            let labels = parser.labels.flatMap { [$0.name.string(in: bytes), $0.value.string(in: bytes)] }
            elements.append([name.string(in: bytes), String(value.bitPattern, radix: 16)] + labels)
        case .type(let name, let type): elements.append([name.string(in: bytes), type.rawValue])
        case .help(let name, let text), .unit(let name, let text):
            elements.append([name.string(in: bytes), text.string(in: bytes)])
        }
    }
    return elements
}

/// Whoever selects all families that have samples gets them as they are without a selection.
private func requireSelectionChangesNothing(_ whole: Exposition, _ body: [UInt8], _ format: ExpositionFormat) {
    let names = Set(whole.families.map(\.name))
    guard let selected = try? Exposition(body, format: format, selecting: NameSelection(families: names)) else {
        return require(false, "in \(format) a selection breaks what is readable without one")
    }
    require(
        same(whole.families, selected.families),
        "in \(format) a selection changes the families:\n\(whole.families)\n\(selected.families)")
}

/// One family written and read again. Left out is what the writer, which knows only our own names, cannot be asked for.
private func requireReadsBack(_ family: MetricFamily, _ format: ExpositionFormat) {
    var family = family
    family.samples.removeAll { $0.value?.isNaN != false }
    // A carriage return at the end belongs to the line, and so do blanks at the start in text.
    guard !family.samples.isEmpty, family.help.utf8.last != UInt8(ascii: "\r"), isWritable(family) else { return }
    if family.unit?.isEmpty == true { family.unit = nil }

    var bytes: [UInt8] = []
    ExpositionWriter.write(format, into: &bytes) { $0.write(family) }
    guard let read = try? Exposition(bytes, format: format) else {
        return require(false, "what was written in \(format) is refused:\n\(String(decoding: bytes, as: UTF8.self))")
    }
    require(same([family], read.families), "in \(format) written and read differ:\n\(family)\n\(read.families)")
}

private func isWritable(_ family: MetricFamily) -> Bool {
    let suffix = [MetricType.counter: "_total", .info: "_info"][family.type] ?? ""
    return isName(family.name, colons: true) && family.name.hasSuffix(suffix) && family.name != suffix
        && family.samples.allSatisfy { $0.labels.allSatisfy { isName($0.name, colons: false) } }
}

private func isName(_ text: String, colons: Bool) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
            || (colons && byte == UInt8(ascii: ":"))
    }
    return text.utf8.first.map(isLetter) == true
        && text.utf8.allSatisfy { isLetter($0) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) }
}

/// Whether they are the same, NaN being the same as NaN.
private func same(_ some: [MetricFamily], _ others: [MetricFamily]) -> Bool {
    some.elementsEqual(others) { a, b in
        (a.name, a.help, a.type, a.unit) == (b.name, b.help, b.type, b.unit)
            && a.samples.elementsEqual(b.samples) { a, b in
                (a.suffix, a.labels, a.value?.bitPattern) == (b.suffix, b.labels, b.value?.bitPattern)
            }
    }
}
