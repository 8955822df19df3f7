/// Spans as the file writes them: `500ms`, `15s`, `1h30m`, `14d`.
package enum DurationText {
    private static let units: KeyValuePairs<String, Int64> = [
        "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1,
    ]

    /// Whole numbers with units from large to small, each unit once; `nil` for anything else.
    package static func parse(_ text: String) -> Duration? {
        var rest = text[...]
        var units = Self.units[...]
        var total: Int64 = 0
        repeat {
            let digits = rest.prefix { "0"..."9" ~= $0 }
            let unit = rest.dropFirst(digits.count).prefix { "a"..."z" ~= $0 }
            guard let count = Int64(digits), let index = units.firstIndex(where: { $0.key == unit }) else { return nil }
            let (part, tooLarge) = count.multipliedReportingOverflow(by: units[index].value)
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !tooLarge, !overflow else { return nil }
            total = sum
            units = units[(index + 1)...]
            rest = rest.dropFirst(digits.count + unit.count)
        } while !rest.isEmpty
        return .milliseconds(total)
    }

    package static func format(_ span: Duration) -> String {
        var rest = span.components.seconds * 1000 + span.components.attoseconds / 1_000_000_000_000_000
        var text = ""
        for (unit, milliseconds) in units where rest >= milliseconds {
            text += "\(rest / milliseconds)\(unit)"
            rest %= milliseconds
        }
        return text.isEmpty ? "0s" : text
    }
}

/// Sizes as the file writes them: `64MiB`.
enum BytesText {
    private static let units: KeyValuePairs<String, Int> = ["GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10]

    static func parse(_ text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.key) }) else { return nil }
        let digits = text.dropLast(unit.key.count)
        guard digits.allSatisfy({ "0"..."9" ~= $0 }), let count = Int(digits) else { return nil }
        let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: unit.value)
        return isTooLarge ? nil : bytes
    }

    /// In the largest unit that it is a whole number of.
    static func format(_ bytes: Int) -> String {
        let unit = units.first { bytes % $0.value == 0 } ?? ("", 1)
        return "\(bytes / unit.value)\(unit.key)"
    }
}

/// Shares as the file writes them: `60%`.
enum PercentText {
    static func format(_ share: Double) -> String {
        // Ten digits hide that 0.07 * 100 is 7.000000000000001.
        NumberText.format((share * 100 * 1e10).rounded() / 1e10) + "%"
    }
}

enum NumberText {
    /// Plain decimal notation; no hexadecimal digits, no infinity, no exponent.
    static func parse(_ text: some StringProtocol) -> Double? {
        guard let first = text.first, text.allSatisfy({ "0"..."9" ~= $0 || "+-.".contains($0) }), first != "+" else {
            return nil
        }
        return Double(text)
    }

    /// The shortest text that reads back as the same number, without ".0".
    static func format(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
