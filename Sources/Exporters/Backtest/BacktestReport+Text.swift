extension BacktestReport {
    /// A table for the terminal.
    package var text: String {
        let columns = self.columns
        let cells = rows.map { row in
            [row.name]
                + columns.map { column in
                    column.value(row).map { fixedNumber($0, decimals: column.decimals) } ?? "-"
                }
        }
        let lines = textTable([["POLICY"] + columns.map(\.title)] + cells)
        return (["\(name): \(summary)", ""] + lines + [""] + legend).joined(separator: "\n")
    }
}
