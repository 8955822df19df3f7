/// What a cumulative histogram counted between two readings.
///
/// Where any count fell or the buckets changed, the engine has started anew in between: the window then holds what
/// it has counted since, which is all that can be known.
package struct HistogramWindow: Hashable, Sendable {
    /// As in `HistogramSample`, with the window's own counts.
    package private(set) var buckets: [HistogramSample.Bucket]
    /// Observations in the window.
    package private(set) var count: Double
    /// Their sum, in the unit of the histogram; `nil` where the histogram has none.
    package private(set) var sum: Double?
    /// Whether the engine started anew inside the window.
    package private(set) var hasReset: Bool

    package init(from earlier: HistogramSample, to later: HistogramSample) {
        let isContinuous =
            earlier.buckets.map(\.upperBound) == later.buckets.map(\.upperBound)
            && zip(earlier.buckets, later.buckets).allSatisfy { $0.cumulativeCount <= $1.cumulativeCount }
        hasReset = !isContinuous
        buckets = later.buckets
        count = later.count
        sum = later.sum
        guard isContinuous else { return }
        for index in buckets.indices { buckets[index].cumulativeCount -= earlier.buckets[index].cumulativeCount }
        count -= earlier.count
        sum = earlier.sum.flatMap { start in sum.map { $0 - start } }
    }

    /// Adds the window of another engine, unless its buckets are others.
    package mutating func add(_ other: HistogramWindow) {
        guard buckets.map(\.upperBound) == other.buckets.map(\.upperBound) else { return }
        for index in buckets.indices { buckets[index].cumulativeCount += other.buckets[index].cumulativeCount }
        count += other.count
        sum = sum.flatMap { sum in other.sum.map { sum + $0 } }
        hasReset = hasReset || other.hasReset
    }

    /// The mean of the observations; `nil` when there were none.
    package var mean: Double? {
        count > 0 ? sum.map { $0 / count } : nil
    }

    /// The value that a share `q` (0 to 1) of the observations does not exceed; `nil` when there were none.
    ///
    /// Interpolates inside the bucket, the first of which starts at zero, as Prometheus' `histogram_quantile` does.
    /// Beyond the last finite bound that bound is given: the truth is larger.
    package func quantile(_ q: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = min(max(q, 0), 1) * count
        var lowerBound: Double?
        var countBelow = 0.0
        for bucket in buckets {
            guard let upperBound = bucket.upperBound else { break }
            if bucket.cumulativeCount >= rank, bucket.cumulativeCount > countBelow {
                let lower = lowerBound ?? min(0, upperBound)
                return lower + (upperBound - lower) * (rank - countBelow) / (bucket.cumulativeCount - countBelow)
            }
            lowerBound = upperBound
            countBelow = bucket.cumulativeCount
        }
        return lowerBound
    }
}
