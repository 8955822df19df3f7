/// Why a whole body is refused: what could be read of it must not be used.
package enum ExpositionError: Error, Hashable, Sendable {
    /// A NUL byte outside of label values and help texts: not text, or a damaged transfer.
    case nulByte(line: Int)
    /// A label's value that is closed only on a later line.
    case lineFeedInValue(line: Int)
    /// OpenMetrics that does not end with `# EOF`: the transfer was cut.
    case missingEnd
    /// OpenMetrics that goes on after `# EOF`.
    case dataAfterEnd(line: Int)
}

extension ExpositionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .nulByte(let line): "line \(line): NUL byte"
        case .lineFeedInValue(let line): "line \(line): line feed in a label value"
        case .missingEnd: "cut off: OpenMetrics must end with # EOF"
        case .dataAfterEnd(let line): "line \(line): data after # EOF"
        }
    }
}

/// A line that was left out.
package struct SkippedLine: Hashable, Sendable {
    /// The reason, in words that complete "line 7: ".
    package enum Reason: String, Error, Hashable, Sendable {
        case name = "not a metric name"
        case labelName = "not a label name"
        case labelValue = "label value without quotes, or not closed on its line"
        case labelSeparator = "comma or closing brace expected after a label"
        case duplicateLabel = "label given twice"
        case notUTF8 = "not UTF-8"
        case value = "not a number, or beyond the range of one"
        case timestamp = "not a timestamp"
        case exemplar = "not an exemplar, or none allowed here"
        case trailing = "more after the sample"
        case metadata = "not a TYPE, HELP or UNIT line"
        case blank = "blank line in OpenMetrics"
        case bound = "of a histogram or summary with a le or quantile that is not a number"
    }

    /// From 1.
    package var number: Int
    package var reason: Reason
}

/// The lines that were left out: how many, and the first few of them that were found.
package struct SkippedLines: Hashable, Sendable {
    /// How many are kept unless more are asked for.
    package static let kept = 8

    package private(set) var count = 0
    package private(set) var first: [SkippedLine] = []
    let limit: Int

    init(limit: Int = kept) { self.limit = limit }

    mutating func add(_ number: Int, _ reason: SkippedLine.Reason) {
        count += 1
        if first.count < limit { first.append(SkippedLine(number: number, reason: reason)) }
    }
}
