import Fleet

import func Glibc.exp
import func Glibc.log

/// How good a forecaster was on one series.
package struct ForecastScore: Hashable, Sendable {
    package struct Horizon: Hashable, Sendable {
        package var horizon: Duration
        /// Of the sample at the horizon.
        package var sample: TargetScore
        package var sampleOfNaive: TargetScore
        /// Of the largest one-minute mean up to it.
        package var maximum: TargetScore
        package var maximumOfNaive: TargetScore

        /// A loss over that of naive. `nil` where naive has as good as none, which leaves nothing to compare with.
        package func relative(
            _ loss: (TargetScore) -> Double?, of target: ForecastTarget = .sample
        ) -> Double? {
            let (own, naive) = target == .sample ? (sample, sampleOfNaive) : (maximum, maximumOfNaive)
            guard let own = loss(own), let base = loss(naive), base > 1e-9 * max(1, naive.mean ?? 0) else { return nil }
            return own / base
        }
    }

    package var horizons: [Horizon]
    /// The unit of MASE; `nil` where there is none.
    package var seasonalError: Double?

    /// The fewest origins that count at a horizon.
    package var scored: Int { horizons.map(\.sample.count).min() ?? 0 }

    /// Mean absolute error of the samples over that of naive, the geometric mean over the horizons.
    package var relativeMAE: Double? { ratio { $0.relative(\.mae) } }

    /// Mean absolute error of the samples over that of the daily seasonal naive within the learning.
    package var mase: Double? {
        guard let seasonalError, seasonalError > 0 else { return nil }
        return mean { $0.sample.mae }.map { $0 / seasonalError }
    }

    /// Pinball loss over that of naive at one level, the geometric mean over the horizons.
    package func relativePinball(_ level: Int, of target: ForecastTarget = .sample) -> Double? {
        ratio { $0.relative({ $0.levels[level].pinball }, of: target) }
    }

    /// The mean over the horizons of a score of one target; `nil` where a horizon has none.
    package func mean(of target: ForecastTarget = .sample, _ value: (TargetScore) -> Double?) -> Double? {
        mean { value(target == .sample ? $0.sample : $0.maximum) }
    }

    private func mean(_ value: (Horizon) -> Double?) -> Double? {
        let values = horizons.compactMap(value)
        return values.count == horizons.count ? Accuracy.mean(values) : nil
    }

    private func ratio(_ relative: (Horizon) -> Double?) -> Double? {
        // A loss of 0 has no logarithm.
        mean { relative($0).map { log(max($0, 1e-12)) } }.map { exp($0) }
    }
}

/// What is forecast: the one sample at the end of a lead time, or the largest one-minute mean up to it.
package enum ForecastTarget: String, Hashable, Sendable, CaseIterable {
    case sample, maximum
}

/// How good forecasts of one target at one horizon were.
package struct TargetScore: Hashable, Sendable {
    package struct Level: Hashable, Sendable {
        package var level: Double
        package var pinball: Double?
        /// The share of what came that lies at or under the quantile.
        package var coverage: Double?
        package var underProvision: Double?
        package var overProvision: Double?
    }

    /// Origins that count.
    package var count: Int
    /// Of what came.
    package var mean: Double?
    /// Errors of the median.
    package var mae: Double?
    package var rmse: Double?
    package var mape: Double?
    package var smape: Double?
    package var levels: [Level]

    /// - Parameter forecasts: for each of `actual`, one value a level.
    init(_ actual: [Double], _ forecasts: [[Double]], levels: [Double]) {
        count = actual.count
        mean = Accuracy.mean(actual)
        if let median = levels.firstIndex(of: 0.5) {
            let medians = forecasts.map { $0[median] }
            mae = Accuracy.mae(actual, medians)
            rmse = Accuracy.rmse(actual, medians)
            mape = Accuracy.mape(actual, medians)
            smape = Accuracy.smape(actual, medians)
        }
        self.levels = levels.enumerated().map { index, level in
            let quantiles = forecasts.map { $0[index] }
            return Level(
                level: level, pinball: Accuracy.pinball(actual, quantiles, level: level),
                coverage: Accuracy.coverage(actual, quantiles),
                underProvision: Accuracy.underProvision(actual, quantiles),
                overProvision: Accuracy.overProvision(actual, quantiles))
        }
    }
}
