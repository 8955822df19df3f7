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
        let widths = head.indices.map { index in
            rows.map { index < $0.cells.count ? $0.cells[index].count : 0 }.max() ?? 0
        }
        let lines = rows.map { row in
            row.cells.enumerated().map { index, cell in
                let blank = String(repeating: " ", count: max(0, widths[index] - cell.count))
                return index == 0 ? cell + blank : blank + cell
            }.joined(separator: "  ") + (row.reason.map { "  " + $0 } ?? "")
        }
        return (["\(name): \(summary)", ""] + lines + [""] + Self.legend).joined(separator: "\n")
    }
}
