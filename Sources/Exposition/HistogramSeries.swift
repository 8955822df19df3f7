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
    /// The histograms of this family that make sense, in the order of their first samples.
    ///
    /// Left out is one with an unreadable or repeated `le`, without +Inf, with counts that fall, are negative or not
    /// finite, or with a `_count` that is not its +Inf bucket.
    package func histograms() -> [HistogramSeries] {
        groups(without: "le").compactMap { labels, places in
            HistogramSeries(labels: labels, samples: places.map { samples[$0] })
        }
    }

    /// The places of all samples of histograms and summaries that have a `le` or a `quantile` that is no number.
    func unboundedSamples() -> Set<Int> {
        let bound = type == .summary ? "quantile" : "le"
        let isBad = { (sample: MetricSample) in sample[bound].map { parseNumber($0) == nil } ?? false }
        guard [.histogram, .gaugehistogram, .summary].contains(type), samples.contains(where: isBad) else { return [] }
        let bad = groups(without: bound).filter { $0.places.contains { isBad(samples[$0]) } }
        return Set(bad.flatMap(\.places))
    }

    /// The places of the samples that share all labels but this one; the labels are sorted.
    private func groups(without label: String) -> [(labels: [MetricLabel], places: [Int])] {
        var groups: [(labels: [MetricLabel], places: [Int])] = []
        var indexByLabels: [[MetricLabel]: Int] = [:]
        var last: (labels: [MetricLabel], index: Int)?
        for (place, sample) in samples.enumerated() {
            let labels = sample.labels.filter { $0.name != label }
            // Mostly the same as of the sample before.
            if let last, last.labels == labels {
                groups[last.index].places.append(place)
                continue
            }
            let sorted = labels.sorted { $0.name < $1.name }
            let index = indexByLabels[sorted] ?? groups.count
            if index == groups.count {
                indexByLabels[sorted] = index
                groups.append((sorted, []))
            }
            groups[index].places.append(place)
            last = (labels, index)
        }
        return groups
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
