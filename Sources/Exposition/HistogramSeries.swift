/// One histogram of a family: the buckets, sum and count that share all labels but `le`.
package struct HistogramSeries: Hashable, Sendable {
    package struct Bucket: Hashable, Sendable {
        /// Inclusive; the last one is infinite.
        package var upperBound: Double
        package var cumulativeCount: Double
    }

    /// Without `le`.
    package var labels: [MetricLabel]
    /// Ascending in both bound and count, ending with +Inf.
    package var buckets: [Bucket]
    /// `nil` when absent or not finite.
    package var sum: Double?
    /// All observations: what the +Inf bucket says.
    package var count: Double { buckets.last?.cumulativeCount ?? 0 }
}

extension MetricFamily {
    /// The histograms of this family that make sense, in the order of their first samples, and how many do not.
    ///
    /// Left out is one with an unreadable or repeated `le`, without +Inf, with counts that fall, are negative or not
    /// finite, or with a `_count` that is not its +Inf bucket.
    package func histograms() -> (series: [HistogramSeries], refused: Int) {
        var order: [[MetricLabel]] = []
        var parts: [[MetricLabel]: [MetricSample]] = [:]
        for sample in samples {
            let labels = sample.labels.filter { $0.name != "le" }.sorted { $0.name < $1.name }
            if parts[labels] == nil { order.append(labels) }
            parts[labels, default: []].append(sample)
        }
        let series = order.compactMap { HistogramSeries(labels: $0, samples: parts[$0] ?? []) }
        return (series, order.count - series.count)
    }
}

extension HistogramSeries {
    fileprivate init?(labels: [MetricLabel], samples: [MetricSample]) {
        var buckets: [Bucket] = []
        var sum: Double?
        var count: Double?
        for sample in samples {
            guard let value = sample.value else { return nil }
            switch sample.suffix {
            case "_bucket":
                guard let bound = sample["le"].flatMap(parseNumber), bound > -.infinity else { return nil }
                buckets.append(Bucket(upperBound: bound, cumulativeCount: value))
            case "_sum": sum = value.isFinite ? value : nil
            case "_count": count = value
            default: return nil
            }
        }
        buckets.sort { $0.upperBound < $1.upperBound }
        guard let last = buckets.last, last.upperBound == .infinity, last.cumulativeCount.isFinite,
            buckets[0].cumulativeCount >= 0, count == nil || count == last.cumulativeCount,
            zip(buckets, buckets.dropFirst()).allSatisfy({ a, b in
                a.upperBound < b.upperBound && a.cumulativeCount <= b.cumulativeCount
            })
        else { return nil }
        self.init(labels: labels, buckets: buckets, sum: sum)
    }
}

private func parseNumber(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    return parseNumber(bytes.span, 0, bytes.count)
}
