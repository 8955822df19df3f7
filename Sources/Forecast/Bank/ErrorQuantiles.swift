import func Glibc.exp
import func Glibc.log

/// Tracks quantiles of a forecast's errors online.
///
/// Each threshold moves up when an error lies above it and down when it does not, in the proportion of its level, so that
/// the share of errors below it comes out right in the long run whatever the forecast does. Errors are first divided by
/// a scale that knows the last half hour, the last day and the time of day, so that the thresholds need hardly move.
/// Source: adaptive conformal inference, Gibbs and Candes, NeurIPS 2021, on scaled scores.
struct ErrorQuantiles: Hashable, Sendable, Codable {
    /// In units of the scale; one a level.
    private(set) var thresholds: [Double]
    private var fast = 0.0
    private var slow = 0.0
    private var hours: ScaleByTimeOfDay
    private let fastGain: Double
    private let slowGain: Double

    /// How far one error moves the threshold of each level, before its share of the level is taken.
    private let stepSizes: [Double]
    private var learned = 0.0

    /// The share of the fast scale, as an exponent.
    static let mix = 0.6
    /// How far a threshold may lie below what was said.
    private static let slack = 0.5
    /// While young, the n-th error moves a threshold by this over n at least, and by `largestStep` at most.
    private static let youngStep = 4.0
    private static let largestStep = 0.05
    /// On the stabilised scale, where counts of a hundred wander by 1; what is steadier than this is as good as certain.
    private static let smallestScale = 0.05
    /// One error counts for so many usual ones at most.
    private static let outlier = 10.0

    /// - Parameters:
    ///   - step: seconds from sample to sample.
    ///   - stepSize: that of a level of 0.9 and below. Those above see fewer of the errors that matter to them, and move
    ///     by more, up to six times as much.
    init(levels: [Double], step: Double, stepSize: Double) {
        stepSizes = levels.map { stepSize * min(6, max(1, 0.1 / (1 - $0))) }
        thresholds = levels.map(Self.firstThreshold)
        fastGain = 1 - exp(-step / 1800)
        slowGain = 1 - exp(-step / 86_400)
        hours = ScaleByTimeOfDay()
    }

    func isSound(like fresh: ErrorQuantiles) -> Bool {
        thresholds.count == fresh.thresholds.count && stepSizes == fresh.stepSizes && fastGain == fresh.fastGain
            && slowGain == fresh.slowGain && learned >= 0 && hours.isSound
    }

    /// The quantile of errors of the Laplace distribution with a mean size of 0.8 of the scale.
    private static func firstThreshold(_ level: Double) -> Double {
        level < 0.5 ? 0.82 * log(2 * level) : -0.82 * log(2 * (1 - level))
    }

    /// The scale of errors to be expected at this time of day; 0 before the first one.
    func scale(at secondOfDay: Double) -> Double {
        guard learned > 0 else { return 0 }
        return exp(Self.mix * log(fast) + (1 - Self.mix) * (log(slow) + hours.logFactor(at: secondOfDay)))
    }

    /// Takes in one error.
    ///
    /// - Parameters:
    ///   - scale: what `scale` gave when the forecast was made.
    ///   - judged: from a level's index and its threshold, what was said then, in units of the scale. A threshold that
    ///     was overruled from above does not sink far below what was said.
    @inline(__always)
    mutating func learn(
        _ error: Double, scale: Double, levels: [Double], at secondOfDay: Double,
        judged: (Int, Double) -> Double = { $1 }
    ) {
        let size = error.magnitude
        learned += 1
        if scale > 0 {
            let score = error / scale
            let least = min(Self.largestStep, Self.youngStep / learned)
            let sizes = stepSizes
            let (levels, stepSizes) = (levels.span, sizes.span)
            var thresholds = thresholds.mutableSpan
            precondition(levels.count == thresholds.count && stepSizes.count == thresholds.count)
            // Without checks and branches, so that several levels go at once.
            for index in thresholds.indices {
                let (level, threshold) = (levels[unchecked: index], thresholds[unchecked: index])
                let stepSize = stepSizes[unchecked: index] > least ? stepSizes[unchecked: index] : least
                let judged = judged(index, threshold)
                let (rise, fall) = (stepSize * level, -(stepSize * (1 - level)))
                let unlessSunk = threshold > judged - Self.slack ? fall : 0
                thresholds[unchecked: index] = threshold + (score > judged ? rise : unlessSunk)
            }
        }
        let counted = learned > 40 ? min(size, Self.outlier * slow) : size
        fast = max(fast + max(fastGain, 1 / learned) * (counted - fast), Self.smallestScale)
        slow = max(slow + max(slowGain, 1 / learned) * (counted - slow), Self.smallestScale)
        hours.add(counted / slow, at: secondOfDay)
    }
}

/// By what factor errors are larger or smaller than usual at each quarter of an hour of the day.
struct ScaleByTimeOfDay: Hashable, Sendable, Codable {
    private var logs = Packed(repeating: Float(0), count: bins)
    private var visits = Packed(repeating: UInt8(0), count: bins)
    private var bin = -1
    private var sum = 0.0
    private var count = 0.0

    private static let bins = 96
    private static let rate = 0.2

    var isSound: Bool {
        logs.count == Self.bins && visits.count == Self.bins && (-1..<Self.bins).contains(bin)
    }

    mutating func add(_ ratio: Double, at secondOfDay: Double) {
        let now = Self.bin(at: secondOfDay)
        if now != bin {
            if bin >= 0, count > 0 {
                visits[bin] = min(visits[bin], .max - 1) + 1
                let surprise = log(sum / count + 1e-12) - Double(logs[bin])
                logs[bin] += Float(max(Self.rate, 1 / Double(Int(visits[bin]) + 1)) * surprise)
            }
            (bin, sum, count) = (now, 0, 0)
        }
        sum += ratio
        count += 1
    }

    func logFactor(at secondOfDay: Double) -> Double { Double(logs[Self.bin(at: secondOfDay)]) }

    private static func bin(at secondOfDay: Double) -> Int { min(Int(secondOfDay / 900), bins - 1) }
}
