import func Glibc.exp

/// Exponentially weighted means of one series at several speeds. Their differences are its trends.
///
/// Each is a plain mean until it is as old as its time constant, and after a gap it forgets as much as the clock says.
/// The first one is the last value.
struct LevelBank: Hashable, Sendable, Codable {
    /// Seconds after which a sample weighs 1/e; ascending, the first one 0.
    let timeConstants: [Double]
    private(set) var means: [Double]
    /// The weights of all samples so far, the latest one counting 1.
    private var masses: [Double]
    /// What is left of a weight after one step.
    private let decays: [Double]

    /// - Parameter step: seconds from sample to sample.
    init(timeConstants: [Double], step: Double) {
        self.timeConstants = timeConstants
        decays = timeConstants.map { $0 > 0 ? exp(-step / $0) : 0 }
        means = Array(repeating: 0, count: timeConstants.count)
        masses = means
    }

    /// - Parameter steps: since the last sample; more than one after a gap.
    mutating func add(_ z: Double, after steps: Int) {
        for index in means.indices {
            let decay = steps == 1 ? decays[index] : power(decays[index], steps)
            masses[index] = masses[index] * decay + 1
            means[index] += (z - means[index]) / masses[index]
        }
    }

    func isSound(like fresh: LevelBank) -> Bool {
        timeConstants == fresh.timeConstants && decays == fresh.decays && means.count == fresh.means.count
            && masses.count == fresh.means.count
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}
