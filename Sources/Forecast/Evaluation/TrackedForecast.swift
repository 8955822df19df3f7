package import Fleet

/// Makes quantiles of any point forecaster's answers by tracking its errors, horizon by horizon.
///
/// Two trackers a horizon: one of the sample at its end, one of the largest one-minute mean up to it. The quantile of
/// the sample at level 0.5 is the point itself, so that the median is what the forecaster says; a forecaster that is
/// off on one side can therefore have a higher quantile below it.
package struct TrackedForecast<Point: PointForecaster>: ForecastModel {
    private var forecaster: Point
    private var minute: MinuteMean
    private var horizons: [Horizon]
    private var slot = 0

    private struct Horizon: Sendable {
        let lead: Duration
        /// The points of the latest slots, as many as the horizon has; NaN where there was none.
        var issued: [Double]
        var window: WindowMaximum
        var sample: TrackedQuantiles
        var maximum: TrackedQuantiles
    }

    /// - Parameters:
    ///   - horizons: the leads that will be asked for, each at least one step; others get no answer.
    ///   - levels: as those of `DemandForecast`.
    package init(_ forecaster: Point, step: Duration, horizons: [Duration], levels: [Double]) {
        self.forecaster = forecaster
        minute = MinuteMean(step: step)
        let quantiles = TrackedQuantiles(levels: levels, step: step)
        self.horizons = horizons.map { lead in
            let slots = lead.slots(of: step)
            return Horizon(
                lead: lead, issued: Array(repeating: .nan, count: slots), window: WindowMaximum(slots: slots),
                sample: quantiles, maximum: quantiles)
        }
    }

    package mutating func observe(_ sample: Double?, at now: Timestamp) {
        let mean = minute.observe(sample)
        forecaster.observe(sample, at: now)
        for index in horizons.indices {
            let oldest = slot % horizons[index].issued.count
            let largest = horizons[index].window.observe(mean)
            let point = horizons[index].issued[oldest]
            if !point.isNaN {
                if let sample { horizons[index].sample.learn(sample - point) }
                if let largest { horizons[index].maximum.learn(largest - point) }
            }
            horizons[index].issued[oldest] = forecaster.point(after: horizons[index].lead) ?? .nan
        }
        slot += 1
    }

    package func forecast(over lead: Duration) -> DemandForecast? {
        guard slot > 0, let horizon = horizons.first(where: { $0.lead == lead }) else { return nil }
        let point = horizon.issued[(slot - 1) % horizon.issued.count]
        let levels = horizon.sample.levels
        guard !point.isNaN, horizon.sample.margin(0) != nil, horizon.maximum.margin(0) != nil else { return nil }
        func values(_ tracked: TrackedQuantiles) -> [Double] {
            levels.indices.map { max(0, point + (tracked.margin($0) ?? 0)) }
        }
        var sample = values(horizon.sample)
        if let median = levels.firstIndex(of: 0.5) { sample[median] = point }
        return DemandForecast(lead: lead, levels: levels, sample: sample, maximum: values(horizon.maximum))
    }
}

extension Duration {
    /// Whole steps in this span, at least one.
    package func slots(of step: Duration) -> Int {
        max(1, Int(wholeMilliseconds / max(1, step.wholeMilliseconds)))
    }
}
