/// Forecasts what was one season ago; a season of one sample makes it the last value.
///
/// Quantiles are those of a seasonal random walk, as R's `snaive`: the variance of the steps from season to season,
/// once for every season that is ahead.
package struct SeasonalNaive: Hashable, Sendable {
    /// The last sample of each slot, `nil` while there was none.
    private var season: [Double?]
    private var next = 0
    private var (squares, count) = (0.0, 0)

    /// - Parameter seasonLength: in samples, at least 1.
    package init(seasonLength: Int) {
        precondition(seasonLength >= 1, "a season has at least one slot")
        season = Array(repeating: nil, count: seasonLength)
    }

    /// Takes the next sample; in place of a missing one the slot keeps what it had.
    package mutating func observe(_ sample: Double?) {
        if let sample, sample.isFinite {
            if let earlier = season[next] {
                squares += (sample - earlier) * (sample - earlier)
                count += 1
            }
            season[next] = sample
        }
        next = next + 1 == season.count ? 0 : next + 1
    }

    /// The forecast of the sample `steps` after the last one; `nil` while its slot has had none.
    package func point(steps: Int) -> Double? {
        precondition(steps >= 1, "a forecast is of a later sample")
        return season[(next + steps - 1) % season.count]
    }

    /// The quantile `probability` (0 to 1, exclusive); `nil` until a slot has had two samples.
    package func quantile(_ probability: Double, steps: Int) -> Double? {
        guard count > 0, let point = point(steps: steps) else { return nil }
        let seasonsAhead = Double((steps - 1) / season.count + 1)
        return point + NormalDistribution.quantile(probability) * (squares / Double(count) * seasonsAhead).squareRoot()
    }
}
