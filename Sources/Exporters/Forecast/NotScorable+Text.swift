import Fleet
package import Forecast

extension NotScorable {
    /// What is wrong and what would be right, in the terms of the command's options.
    package var text: String {
        switch self {
        case .tooShort(let found, let needed, let test):
            let remedy =
                test.map { ", or a part of it to score: --test-days \(shortNumber($0, decimals: 4))" } ?? ""
            return "expected a series of at least \(wholeSpan(needed))\(remedy); found \(wholeSpan(found))"
        case .testTooShort(let found, let needed):
            let days = (needed.seconds / 86_400 * 10_000).rounded(.up) / 10_000
            return """
                --test-days: expected more than 5 minutes and the longest horizon, such as \
                \(shortNumber(days, decimals: 4)), found \(wholeSpan(found))
                """
        case .nothingCame(let origins):
            return "expected samples where it is scored, found none at any of the \(origins) origins"
        }
    }
}

extension FitError {
    /// Why there is no model of the learning part of a series.
    package func text(step: Duration) -> String {
        switch self {
        case .tooShort(let found, let needed):
            """
            the learning part is too short: \(wholeSpan(step * needed)) from its first to its last sample are \
            needed, there are \(wholeSpan(step * found))
            """
        case .notPositive(let slot):
            "expected samples above 0 for a multiplicative season; the one \(spanText(step * slot)) after the first is not"
        case .unsuitableSeason:
            "expected a step that a day and a week are whole multiples of, found \(wholeSpan(step))"
        case .notFinite:
            "the squared errors are too large to be computed, whatever the smoothing"
        }
    }
}

/// With all of its units, where two would hide what a message is about: `2 d 20 min 15 s`.
func wholeSpan(_ span: Duration) -> String {
    var rest = max(0, span.wholeMilliseconds)
    let units: KeyValuePairs = ["d": Int64(86_400_000), "h": 3_600_000, "min": 60_000, "s": 1000, "ms": 1]
    let parts = units.compactMap { unit, size -> String? in
        defer { rest %= size }
        return rest >= size ? "\(rest / size) \(unit)" : nil
    }
    return parts.isEmpty ? "0 s" : parts.joined(separator: " ")
}
