import Fleet

/// Why a series could not be read. `line` counts from 1.
package struct SeriesError: Error, Hashable, CustomStringConvertible {
    package var line: Int
    package var message: String

    package var description: String { "line \(line): \(message)" }
}

extension SampleSeries {
    /// Reads rows of `t_s` and values, evenly spaced, with or without a header.
    ///
    /// `t_s` is the start of the slot in seconds; the first two rows tell the step, which is a whole number of
    /// milliseconds and at most a day. An empty value, or `nan`, is a missing sample, and so is a row that is left out.
    ///
    /// - Parameter column: the name of the values' column; `nil` takes `requests`, else the second one.
    package init(csv bytes: [UInt8], column: String? = nil) throws(SeriesError) {
        var wanted: Int?
        var (start, step) = (Int64(0), Int64(0))
        var values: [Double?] = []
        var line = 0
        var rest = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard rest.contains(UInt8(ascii: "\n")) || !rest.contains(UInt8(ascii: "\r")) else {
            throw SeriesError(line: 1, message: "expected lines that end with LF or CR LF, found only CR")
        }
        // Line by line: all lines at once would take several times the room of the file.
        while !rest.isEmpty {
            line += 1
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            let raw = rest[..<end]
            rest = rest[min(end + 1, rest.endIndex)...]
            let text = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
            if text.isEmpty { continue }
            guard !text.contains(UInt8(ascii: "\"")) else {
                throw SeriesError(
                    line: line, message: "expected fields without quotes, found \(Self.quoted(text))")
            }
            let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            if wanted == nil {
                let isHeader = Self.number(fields[0]) == nil
                guard isHeader || column == nil else {
                    throw SeriesError(line: line, message: "expected a header that names the columns, found a number")
                }
                wanted = isHeader ? try Self.column(column, of: fields.map { Self.text($0) }, line: line) : 1
                if isHeader { continue }
            }
            guard let seconds = Self.number(fields[0]), abs(seconds) < 0x1p43 else {
                throw SeriesError(line: line, message: "t_s: expected seconds, found \(Self.quoted(fields[0]))")
            }
            let time = Int64((seconds * 1000).rounded())
            if values.isEmpty {
                start = time
            } else {
                if step == 0 { step = time - start }
                try Self.fill(&values, upTo: time - start, step: step, line: line)
            }
            guard let wanted, wanted < fields.count else {
                throw SeriesError(
                    line: line, message: "expected \((wanted ?? 1) + 1) columns or more, found \(fields.count)")
            }
            values.append(try Self.value(fields[wanted], line: line))
        }
        guard values.count > 1 else {
            throw SeriesError(line: max(line, 1), message: "expected two rows or more, found \(values.count)")
        }
        self.init(
            start: Timestamp(millisecondsSince1970: start), step: .milliseconds(step), values: values)
    }

    /// Adds missing samples for the rows that are left out before this one. Times are milliseconds from the first row.
    private static func fill(
        _ values: inout [Double?], upTo time: Int64, step: Int64, line: Int
    ) throws(SeriesError) {
        guard (1...86_400_000).contains(step) else {
            throw SeriesError(
                line: line,
                message: "t_s: expected a later moment by at most a day, found \(Double(step) / 1000) s from row to row"
            )
        }
        let slot = time / step
        guard slot >= values.count, slot * step == time else {
            let next = Double(Int64(values.count) * step) / 1000
            throw SeriesError(
                line: line,
                message: """
                    t_s: expected \(next) s after the first row, or some steps of \(Double(step) / 1000) s more, found \
                    \(Double(time) / 1000) s; a missing sample is a row with an empty value
                    """)
        }
        guard slot < slotsAtMost else {
            throw SeriesError(line: line, message: "expected at most \(slotsAtMost) steps; cut the series")
        }
        values += Array(repeating: nil, count: Int(slot) - values.count)
    }

    private static func column(_ name: String?, of header: [String], line: Int) throws(SeriesError) -> Int {
        guard header[0] == "t_s" else {
            throw SeriesError(
                line: line,
                message:
                    "expected the first column to be t_s, seconds in even steps, found \(QuotedText.brief(header[0]))")
        }
        if let index = header.firstIndex(of: name ?? "requests"), index > 0 { return index }
        guard name == nil, header.count > 1 else {
            let names = header.dropFirst().map { String(QuotedText.brief($0).dropFirst().dropLast()) }
            let others = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", ..." : "")
            throw SeriesError(
                line: line,
                message: "expected a column \(name ?? "of values"), found \(others.isEmpty ? "none" : others)")
        }
        return 1
    }

    private static func value(_ field: ArraySlice<UInt8>, line: Int) throws(SeriesError) -> Double? {
        if field.isEmpty { return nil }
        if text(field).lowercased() == "nan" { return nil }
        guard let value = number(field), takes(value) else {
            throw SeriesError(
                line: line,
                message: "expected \(takenValues), or nothing for a missing sample, found \(quoted(field))")
        }
        return value
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Double? {
        // Whole numbers are most of what there is, and a fifth of the work without a string.
        if field.count <= 15, !field.isEmpty, field.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
            return Double(field.reduce(0) { $0 * 10 + Int64($1 - 48) })
        }
        // Without hexadecimal numbers, which nobody means.
        guard !field.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }), let value = Double(text(field)),
            value.isFinite
        else { return nil }
        return value
    }

    private static func quoted(_ field: ArraySlice<UInt8>) -> String {
        // Enough for any character that is shown.
        QuotedText.brief(text(field.prefix(400)))
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field, as: UTF8.self) }
}
