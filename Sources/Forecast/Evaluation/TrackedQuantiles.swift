import Fleet

import func Glibc.exp

/// Quantiles of a forecaster's errors, followed online.
///
/// An error is taken relative to the running mean of absolute errors, and each level's threshold moves a little down
/// when the error is at most its value and much further up when it is more, in such proportion that in the long run
/// the level's share of errors lies at or under it, whatever the forecaster does. No distribution is assumed.
///
/// Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021, with a learned scale.
package struct TrackedQuantiles: Hashable, Sendable, Codable {
    /// Probabilities above 0 and below 1, ascending.
    package let levels: [Double]
    /// One threshold a level, in units of the scale.
    private var thresholds: [Double]
    /// Running mean of absolute errors; `nil` before the first one.
    private var scale: Double?
    /// The share of a new absolute error in the scale.
    private let weight: Double
    /// How far one error moves the thresholds.
    private let rate: Double

    /// - Parameters:
    ///   - step: from one error to the next.
    ///   - memory: the time constant of the scale.
    package init(levels: [Double], step: Duration, memory: Duration = .seconds(7200), rate: Double = 0.02) {
        self.levels = levels
        // Roughly where a normal distribution has them, in mean absolute errors.
        thresholds = levels.map { $0 > 0.95 ? 2.6 : 1.3 * (2 * $0 - 1) }
        weight = 1 - exp(-step.seconds / memory.seconds)
        self.rate = rate
    }

    /// Whether there is one threshold a level; it may come from a damaged store.
    var isSound: Bool { thresholds.count == levels.count }

    /// Takes one finite error: what came, less what was forecast. O(levels), without allocation.
    package mutating func learn(_ error: Double) {
        // Never 0, so that an error can be divided by it.
        let before = scale ?? abs(error) + Self.smallestScale
        for index in thresholds.indices {
            thresholds[index] += rate * (error / before > thresholds[index] ? levels[index] : levels[index] - 1)
        }
        scale = max(before + weight * (abs(error) - before), Self.smallestScale)
    }

    /// What is to be added to a forecast for the quantile of the level at `index`; `nil` before the first error.
    package func margin(_ index: Int) -> Double? {
        scale.map { $0 * thresholds[index] }
    }

    private static let smallestScale = 1e-9
}
