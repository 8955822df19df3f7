/// Anscombe's square root, `z = 2 sqrt(y / unit + 3/8)`, under which counts of any size wander about equally far.
///
/// Monotone, so that quantiles may be taken on either side. Source: Anscombe, "The transformation of Poisson, binomial
/// and negative-binomial data", Biometrika 35 (1948).
struct VarianceStabiliser: Hashable, Sendable, Codable {
    /// What counts as one; the mean of the series counts as a hundred, and a factor of ten more or less does not matter.
    var unit: Double

    static let ofZero = stabilised(0)

    func stabilised(_ value: Double) -> Double { Self.stabilised(value / unit) }

    private static func stabilised(_ count: Double) -> Double { 2 * (count + 0.375).squareRoot() }

    /// The value that stabilises to `z`; 0 for all that lie below it.
    func value(_ z: Double) -> Double {
        let half = max(z, 0) / 2
        return max(half * half - 0.375, 0) * unit
    }
}
