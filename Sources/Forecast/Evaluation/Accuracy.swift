/// How good forecasts were, from pairs of what came and what was forecast, in the same order.
///
/// Every measure is `nil` where there is no pair, or where its scale is 0.
package enum Accuracy {
    /// Mean absolute error.
    package static func mae(_ actual: [Double], _ forecast: [Double]) -> Double? {
        mean(zip(actual, forecast).map { abs($0 - $1) })
    }

    /// Root of the mean squared error.
    package static func rmse(_ actual: [Double], _ forecast: [Double]) -> Double? {
        mean(zip(actual, forecast).map { ($0 - $1) * ($0 - $1) })?.squareRoot()
    }

    /// Mean absolute error as a share of what came; pairs where nothing came are left out.
    package static func mape(_ actual: [Double], _ forecast: [Double]) -> Double? {
        mean(zip(actual, forecast).filter { $0.0 != 0 }.map { abs($0 - $1) / abs($0) })
    }

    /// Mean of |actual - forecast| / (|actual| + |forecast|), 0 to 1; 0 where both are 0.
    package static func smape(_ actual: [Double], _ forecast: [Double]) -> Double? {
        mean(zip(actual, forecast).map { $0 == $1 ? 0 : abs($0 - $1) / (abs($0) + abs($1)) })
    }

    /// Mean absolute error over `seasonalNaive(training)`.
    package static func mase(_ actual: [Double], _ forecast: [Double], scale: Double?) -> Double? {
        guard let scale, scale > 0 else { return nil }
        return mae(actual, forecast).map { $0 / scale }
    }

    /// The mean absolute error of saying, within the training samples, that each comes again one season later.
    package static func seasonalNaive(_ training: [Double], season: Int) -> Double? {
        mae(Array(training.dropFirst(season)), training)
    }

    /// Mean pinball loss of forecasts of the quantile at `level`.
    package static func pinball(_ actual: [Double], _ forecast: [Double], level: Double) -> Double? {
        mean(zip(actual, forecast).map { max(level * ($0 - $1), (level - 1) * ($0 - $1)) })
    }

    /// The share of what came that lies at or under the forecast.
    package static func coverage(_ actual: [Double], _ forecast: [Double]) -> Double? {
        mean(zip(actual, forecast).map { $0 <= $1 ? 1 : 0 })
    }

    /// What came above the forecast, as a share of all that came.
    package static func underProvision(_ actual: [Double], _ forecast: [Double]) -> Double? {
        share(of: actual, zip(actual, forecast).map { max($0 - $1, 0) })
    }

    /// What was forecast above what came, as a share of all that came.
    package static func overProvision(_ actual: [Double], _ forecast: [Double]) -> Double? {
        share(of: actual, zip(actual, forecast).map { max($1 - $0, 0) })
    }

    /// The mean; `nil` of nothing.
    package static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    private static func share(of actual: [Double], _ part: [Double]) -> Double? {
        let sum = actual.reduce(0, +)
        return sum > 0 ? part.reduce(0, +) / sum : nil
    }
}
