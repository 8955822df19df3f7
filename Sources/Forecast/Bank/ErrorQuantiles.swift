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
    private var started = false
    private var hours: ScaleByTimeOfDay
    private let fastGain: Double
    private let slowGain: Double

    /// The largest step of a threshold.
    private let stepSize: Double
    /// The share of the fast scale, as an exponent.
    static let mix = 0.6

    /// - Parameter step: seconds from sample to sample.
    init(levels: [Double], step: Double, stepSize: Double) {
        self.stepSize = stepSize
        thresholds = levels.map(Self.firstThreshold)
        fastGain = 1 - exp(-step / 1800)
        slowGain = 1 - exp(-step / 86_400)
        hours = ScaleByTimeOfDay()
    }

    var isSound: Bool { hours.isSound }

    /// The quantile of errors of the Laplace distribution with a mean size of 0.8 of the scale.
    private static func firstThreshold(_ level: Double) -> Double {
        level < 0.5 ? 0.82 * log(2 * level) : -0.82 * log(2 * (1 - level))
    }

    /// The scale of errors to be expected at this time of day; 0 before the first one.
    func scale(at secondOfDay: Double) -> Double {
        guard started else { return 0 }
        return exp(Self.mix * log(fast) + (1 - Self.mix) * (log(slow) + hours.logFactor(at: secondOfDay)))
    }

    /// Takes in one error.
    ///
    /// - Parameter scale: what `scale` gave when the forecast was made.
    mutating func learn(_ error: Double, scale: Double, levels: [Double], at secondOfDay: Double) {
        let size = error.magnitude
        if !started {
            (fast, slow, started) = (size + 1e-9, size + 1e-9, true)
        }
        if scale > 0 {
            let score = error / scale
            for index in thresholds.indices {
                let level = levels[index]
                thresholds[index] += score > thresholds[index] ? stepSize * level : -stepSize * (1 - level)
            }
        }
        fast = max(fast + fastGain * (size - fast), 1e-9)
        slow = max(slow + slowGain * (size - slow), 1e-9)
        hours.add(size / slow, at: secondOfDay)
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
            if count > 0 {
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
