/// Quantiles of a finite sample, by the definitions of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996.
package enum SampleQuantile: Int, CaseIterable, Sendable {
    /// The inverse of the empirical distribution: always one of the sample.
    case inverse = 1
    /// Expected positions: on the average, the share of new values under it is the probability.
    case weibull = 6
    /// Interpolation between the extremes; the default of R and NumPy.
    case linear = 7
    /// Median-unbiased whatever the distribution.
    case medianUnbiased = 8

    /// - Parameters:
    ///   - probability: 0 to 1.
    ///   - sorted: ascending, without NaN.
    /// - Returns: `nil` for an empty sample.
    package func value(_ probability: Double, of sorted: [Double]) -> Double? {
        guard let smallest = sorted.first, let largest = sorted.last else { return nil }
        // Positions that are whole but for rounding count as whole, as in R.
        let fuzz = 4 * Double.ulpOfOne
        let size = Double(sorted.count)
        let position =
            switch self {
            case .inverse: size * probability
            case .weibull: probability * (size + 1)
            case .linear: 1 + probability * (size - 1)
            case .medianUnbiased: 1 / 3 + probability * (size + 1 / 3)
            }
        let below = (position + fuzz).rounded(.down)
        var share = position - below
        if abs(share) < fuzz { share = 0 }
        if self == .inverse, share > 0 { share = 1 }
        let index = Int(below)
        let left = index < 1 ? smallest : index > sorted.count ? largest : sorted[index - 1]
        let right = index + 1 < 1 ? smallest : index + 1 > sorted.count ? largest : sorted[index]
        return share == 0 ? left : share == 1 ? right : left + share * (right - left)
    }
}
