import Forecast

extension ForecastReport {
    /// Tables for the terminal, one of each target.
    package var text: String {
        let notes =
            self.notes.flatMap { wrapped($0) }
            + rows.flatMap { row in
                row.reason.map { wrapped("\(row.name) has no score: \($0).") } ?? []
            }
        let tables = ForecastTarget.allCases.flatMap { target in [""] + wrapped(title(of: target)) + table(target) }
        return (wrapped("\(name): \(summary)") + notes + tables + [""] + Self.legend.flatMap { wrapped($0) })
            .joined(separator: "\n")
    }

    private func table(_ target: ForecastTarget) -> [String] {
        let columns = self.columns.filter { $0.target == target }
        var lines = [["MODEL"] + columns.map(\.title) + (target == .sample ? ["seconds"] : [])]
        for row in rows {
            guard case .scored(let score, _) = row.outcome else { continue }
            let cells = columns.map { column in
                column.value(score).map { fixedNumber($0, decimals: column.decimals) } ?? "-"
            }
            lines.append([row.name] + cells + (target == .sample ? [fixedNumber(row.seconds, decimals: 2)] : []))
        }
        return textTable(lines)
    }
}

/// Lines of at most 100 characters, broken at spaces; a word that is longer stands alone.
private func wrapped(_ text: String) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
        if let last = lines.last, last.count + 1 + word.count <= 100 {
            lines[lines.count - 1] = "\(last) \(word)"
        } else {
            lines.append(String(word))
        }
    }
    return lines
}
