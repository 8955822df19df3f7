/// Runs a model over a whole series again and again, with other smoothing each time.
///
/// It holds the one buffer that every pass reuses, so that a pass with a season of 40,320 slots allocates nothing.
struct HoltWintersPass {
    let values: [Double]
    let start: HoltWinters.Start
    let form: HoltWinters.Form
    let seasonality: HoltWinters.Seasonality
    private var season: [Double]

    init(
        over values: [Double], from start: HoltWinters.Start, form: HoltWinters.Form,
        seasonality: HoltWinters.Seasonality
    ) {
        (self.values, self.start, self.form, self.seasonality) = (values, start, form, seasonality)
        season = start.season
    }

    /// The sum of the squared errors of all forecasts one step ahead; infinite as soon as it is known to be above
    /// `limit`, or when it is no number.
    ///
    /// This is `HoltWinters.observe` rewritten for speed. Its states are ahead = l + phi b and drift = phi b, because
    /// then only three operations (error, times gain, plus) wait for one another from sample to sample: about 4 ns.
    /// The buffers are unsafe because a bounds check and a uniqueness check for each sample would cost as much again;
    /// every index below is bounded by the two counts in the line that computes `run`.
    mutating func squaredError(_ smoothing: HoltWinters.Smoothing, limit: Double = .infinity) -> Double {
        let gains = HoltWinters.Gains(smoothing, form, seasonality)
        let phi = smoothing.phi
        let trendGain = phi * gains.trend
        let aheadGain = gains.level + trendGain
        let seasonality = seasonality
        var drift = phi * start.trend
        var ahead = start.level + drift
        var sum = 0.0
        values.withUnsafeBufferPointer { values in
            season.withUnsafeMutableBufferPointer { season in
                _ = season.update(fromContentsOf: start.season)
                var position = start.first
                while position < values.count, sum <= limit {
                    let run = min(season.count, values.count - position)
                    switch seasonality {
                    case .additive:
                        for slot in 0..<run {
                            let error = (values[position &+ slot] - season[slot]) - ahead
                            season[slot] += gains.season * error
                            ahead = (ahead + phi * drift) + aheadGain * error
                            drift = phi * drift + trendGain * error
                            sum += error * error
                        }
                    case .multiplicative:
                        for slot in 0..<run {
                            let (value, factor) = (values[position &+ slot], season[slot])
                            let error = value / factor - ahead
                            let base = gains.seasonFollowsNewLevel ? ahead + gains.level * error : ahead
                            season[slot] = factor + gains.season * (value / base - factor)
                            ahead = (ahead + phi * drift) + aheadGain * error
                            drift = phi * drift + trendGain * error
                            sum += (error * factor) * (error * factor)
                        }
                    }
                    position += run
                }
            }
        }
        return sum <= limit ? sum : .infinity
    }
}
