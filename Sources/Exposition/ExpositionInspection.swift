/// What was made of a body, as `inspect exposition` prints it.
package struct ExpositionInspection: Sendable {
    package enum Verdict: String, Sendable {
        /// Read whole.
        case accept
        /// Read without the lines that were skipped.
        case partial
        /// Not used at all.
        case refuse
    }

    package let verdict: Verdict
    /// Why it was not read whole, or what of it was there twice.
    package let reason: String?
    package let skipped: [SkippedLine]
    /// `["name",{"label":"value"},"number"]`, sorted; all in ASCII, labels sorted, empty ones left out, and numbers as
    /// Prometheus' API has them.
    package let series: [String]

    package init(_ body: [UInt8], format: ExpositionFormat) {
        do throws(ExpositionError) {
            let exposition = try Exposition(body, format: format, listing: .max)
            skipped = exposition.skipped.first.sorted { $0.number < $1.number }
            verdict = skipped.isEmpty ? .accept : .partial
            let repeated =
                exposition.duplicates > 0 ? "samples of series that were there before: \(exposition.duplicates)" : nil
            reason = skipped.isEmpty ? repeated : "lines skipped: \(skipped.count)"
            series = exposition.families.flatMap { family in family.samples.map { row(family.name, $0) } }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        } catch {
            (verdict, reason, skipped, series) = (.refuse, error.description, [], [])
        }
    }

    package var json: String {
        let lines = skipped.map { "{\"line\":\($0.number),\"reason\":\(quoted($0.reason.rawValue))}" }
        return """
            {"verdict":"\(verdict.rawValue)","reason":\(reason.map(quoted) ?? "null"),
            "skipped":[\(lines.joined(separator: ",\n"))],
            "series":[\(series.joined(separator: ",\n"))]}
            """
    }
}

private func row(_ family: String, _ sample: MetricSample) -> String {
    let labels = sample.labels.filter { !$0.value.isEmpty }.map { (quoted($0.name), quoted($0.value)) }
        .sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }.map { "\($0):\($1)" }.joined(separator: ",")
    return "[\(quoted(family + sample.suffix)),{\(labels)},\"\(plainNumber(sample.value ?? .nan))\"]"
}

/// A JSON string in ASCII.
private func quoted(_ text: String) -> String {
    var json = "\""
    for unit in text.utf16 {
        switch unit {
        case 0x22: json += "\\\""
        case 0x5c: json += "\\\\"
        case 0x0a: json += "\\n"
        case 0x0d: json += "\\r"
        case 0x09: json += "\\t"
        case 0x20..<0x7f: json.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
        default:
            let digits = String(unit, radix: 16)
            json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
    return json + "\""
}
