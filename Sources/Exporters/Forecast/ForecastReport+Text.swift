import Forecast

extension ForecastReport {
    /// A table for the terminal.
    package var text: String {
        let columns = self.columns
        let head = ["MODEL"] + columns.map(\.title) + ["seconds"]
        var rows: [(cells: [String], reason: String?)] = [(head, nil)]
        for row in self.rows {
            switch row.outcome {
            case .scored(let score, _):
                let cells = columns.map { column in
                    column.value(score).map { fixedNumber($0, decimals: column.decimals) } ?? "-"
                }
                rows.append(([row.name] + cells + [fixedNumber(row.seconds, decimals: 2)], nil))
            case .left(let reason): rows.append(([row.name], reason))
            }
        }
        let lines = zip(textTable(rows.map(\.cells)), rows).map { line, row in
            line + (row.reason.map { "  " + $0 } ?? "")
        }
        return (["\(name): \(summary)", ""] + lines + [""] + Self.legend).joined(separator: "\n")
    }
}
