/// Reads `nvidia-smi --query-gpu=... --format=csv`.
///
/// The header decides what a column is, whatever was asked for. Lines with another number of cells than the header are
/// the driver's remarks: errors, warnings, or a row that was cut.
package enum NvidiaSMICSV {
    package static func read(_ output: [UInt8], exitCode: Int32) -> GPUReading {
        var columns: [(name: String, unit: String)] = []
        var rows: [NvidiaSMIFields] = []
        var remarks: [String] = []
        for line in output.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            let text = String(decoding: line, as: UTF8.self)
            let cells = text.split(separator: ",", omittingEmptySubsequences: false)
            if let header = header(cells) {
                columns = header
            } else if cells.count == columns.count {
                var fields = NvidiaSMIFields()
                for (column, cell) in zip(columns, cells) { fields.note(column.name, cell, unit: column.unit) }
                rows.append(fields)
            } else {
                remarks.append(text)
            }
        }
        return NvidiaSMIRemarks(remarks).reading(rows, exitCode: exitCode)
    }

    /// The columns, when these cells are a header: at least one is a known name, as in `memory.used [MiB]`.
    private static func header(_ cells: [Substring]) -> [(name: String, unit: String)]? {
        let columns = cells.map { cell in
            let parts = cell.split(separator: " ")
            let unit = parts.dropFirst().first.map { String($0.drop { $0 == "[" }.prefix { $0 != "]" }) }
            return (name: parts.first.map(String.init) ?? "", unit: unit ?? "")
        }
        return columns.contains { NvidiaSMIFields.names.contains($0.name) } ? columns : nil
    }
}
