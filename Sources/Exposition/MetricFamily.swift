/// Metrics that share a name, a help text and a type.
///
/// The name is the one that text 0.0.4 shows: a counter's ends in `_total`, an information's in `_info`; OpenMetrics,
/// which leaves these suffixes out of the family's name, is translated on the way in and out.
package struct MetricFamily: Hashable, Sendable {
    package var name: String
    /// Free text; empty is none.
    package var help: String
    package var type: MetricType
    /// The base unit, which then also ends the name: `seconds`, `bytes`. Only OpenMetrics carries it.
    package var unit: String?
    package var samples: [MetricSample]

    package init(
        _ name: String, help: String = "", type: MetricType, unit: String? = nil, samples: [MetricSample] = []
    ) {
        self.name = name
        self.help = help
        self.type = type
        self.unit = unit
        self.samples = samples
    }
}

package enum MetricType: String, Hashable, Sendable, CaseIterable {
    case counter
    case gauge
    case histogram
    case gaugehistogram
    case summary
    case stateset
    case info
    /// Called `untyped` by text 0.0.4.
    case unknown

    /// The name in OpenMetrics.
    var word: StaticString {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .gaugehistogram: "gaugehistogram"
        case .summary: "summary"
        case .stateset: "stateset"
        case .info: "info"
        case .unknown: "unknown"
        }
    }

    /// Whether text 0.0.4 has this type by this name.
    var isInText: Bool {
        switch self {
        case .counter, .gauge, .histogram, .summary: true
        case .gaugehistogram, .stateset, .info, .unknown: false
        }
    }
}

/// One number of a family.
package struct MetricSample: Hashable, Sendable {
    /// What follows the family's name: `_bucket`, `_sum`, `_count`, or nothing.
    package var suffix: String
    package var labels: [MetricLabel]
    /// `nil` is unknown, which is written as nothing at all, never as zero or NaN.
    package var value: Double?

    package init(suffix: String = "", labels: [MetricLabel], value: Double?) {
        self.suffix = suffix
        self.labels = labels
        self.value = value
    }

    package init(suffix: String = "", labels: [(String, String)] = [], value: Double?) {
        self.init(suffix: suffix, labels: labels.map { MetricLabel($0.0, $0.1) }, value: value)
    }

    /// The value of the label, or `nil` when the sample lacks it.
    package subscript(label: String) -> String? {
        labels.first { $0.name == label }?.value
    }
}

package struct MetricLabel: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension MetricFamily {
    /// Adds the series of one histogram: a bucket per bound, one for +Inf, the sum and the count.
    ///
    /// - Parameters:
    ///   - buckets: Finite upper bounds, ascending, each with the number of observations at or below it.
    ///   - count: All observations; the +Inf bucket.
    package mutating func addHistogram(
        labels: [MetricLabel] = [], buckets: [(upperBound: Double, cumulativeCount: Double)], sum: Double, count: Double
    ) {
        for (bound, cumulativeCount) in buckets + [(.infinity, count)] {
            let le = MetricLabel("le", canonicalNumber(bound))
            samples.append(MetricSample(suffix: "_bucket", labels: labels + [le], value: cumulativeCount))
        }
        samples.append(MetricSample(suffix: "_sum", labels: labels, value: sum))
        samples.append(MetricSample(suffix: "_count", labels: labels, value: count))
    }
}
