import Fleet

/// How good the forecasts for one horizon have been lately, and whether they are to be acted on.
package struct ForecastSkill: Hashable, Sendable, Codable {
    package var lead: Duration
    /// The share of the loss that the forecast saves over the last value with its own tracked quantile, by the
    /// quantile of the maximum over the lead time: 1 is perfect, 0 no better, below 0 worse. `nil` without evidence.
    package var overLastValue: Double?
    /// The same over yesterday's value at that minute.
    package var overSeasonalNaive: Double?
    /// Mean absolute error of the median of the sample at the horizon, in units of demand, over some hours.
    package var absoluteError: Double?
    /// The share of maxima that came out at or under their quantile, over about a day.
    package var coverage: Double?
    /// Whether the forecast is good enough to be acted on; otherwise demand is to be met as it comes.
    package var isActive: Bool

    package init(
        lead: Duration, overLastValue: Double?, overSeasonalNaive: Double?, absoluteError: Double?, coverage: Double?,
        isActive: Bool
    ) {
        self.lead = lead
        (self.overLastValue, self.overSeasonalNaive) = (overLastValue, overSeasonalNaive)
        (self.absoluteError, self.coverage, self.isActive) = (absoluteError, coverage, isActive)
    }
}

/// Runs the forecasts that ours has to beat beside it, and compares what each would have cost.
///
/// The loss is that of the quantile (pinball): at 0.9 a unit too little costs nine times a unit too much. All on the
/// maximum over the lead time, which is what a fleet has to bear.
struct Rivals: Hashable, Sendable, Codable {
    private var lastValue: TrackedQuantiles
    private var seasonal: TrackedQuantiles
    private let quantile: Double
    private var losses: Losses
    /// Against the seasonal naive, which has nothing to say at times.
    private var seasonalLosses: Losses
    private var error: RunningMean
    private var covered: RunningMean
    private(set) var isActive = false
    /// Samples that must have been judged before the forecast is believed.
    private let needed: Double

    private struct Losses: Hashable, Sendable, Codable {
        var own: RunningMean
        var rival: RunningMean

        init(step: Double) {
            own = RunningMean(memory: Rivals.memory, step: step)
            rival = own
        }

        var skill: Double? { rival.value > 0 ? 1 - own.value / rival.value : nil }
    }

    /// Seconds.
    static let memory = 6 * 3600.0
    private static let evidence = 3600.0
    /// The losses' ratio at which a forecast is trusted, and above which it no longer is.
    private static let (trusted, distrusted) = (0.975, 1.025)

    init(quantile: Double, step: Double, stepSize: Double) {
        self.quantile = quantile
        lastValue = TrackedQuantiles(levels: [quantile], step: .seconds(step), rate: stepSize)
        seasonal = lastValue
        losses = Losses(step: step)
        seasonalLosses = losses
        error = RunningMean(memory: Self.memory, step: step)
        covered = RunningMean(memory: 86_400, step: step)
        needed = Self.evidence / step
    }

    func isSound(like fresh: Rivals) -> Bool {
        needed == fresh.needed && quantile == fresh.quantile
            && [lastValue, seasonal].allSatisfy { $0.isSound && $0.levels == fresh.lastValue.levels }
    }

    /// Adds what the rivals say to a forecast.
    func complete(_ forecast: inout Issued, lastValue base: Double) {
        forecast.lastValueQuantile = lastValue.margin(0).map { base + $0 } ?? .nan
        forecast.seasonalQuantile = seasonal.margin(0).map { forecast.seasonalPoint + $0 } ?? .nan
    }

    mutating func note(absoluteError: Double) { error.add(absoluteError) }

    /// Takes in the maximum that came of a forecast.
    ///
    /// - Parameter base: the last value when the forecast was made.
    mutating func judge(_ forecast: Issued, lastValue base: Double, peak: Double, stabiliser: VarianceStabiliser) {
        let z = stabiliser.stabilised(peak)
        if forecast.maximumScale > 0, forecast.lastValueQuantile.isFinite {
            let own = loss(of: forecast.quantile, peak, stabiliser)
            losses.own.add(own)
            losses.rival.add(loss(of: forecast.lastValueQuantile, peak, stabiliser))
            covered.add(z <= forecast.quantile ? 1 : 0)
            if forecast.seasonalQuantile.isFinite {
                seasonalLosses.own.add(own)
                seasonalLosses.rival.add(loss(of: forecast.seasonalQuantile, peak, stabiliser))
            }
            decide()
        }
        lastValue.learn(z - base)
        if forecast.seasonalPoint.isFinite { seasonal.learn(z - forecast.seasonalPoint) }
    }

    private func loss(of quantileOnScale: Double, _ peak: Double, _ stabiliser: VarianceStabiliser) -> Double {
        let miss = peak - stabiliser.value(quantileOnScale)
        return miss > 0 ? quantile * miss : (quantile - 1) * miss
    }

    private mutating func decide() {
        let bound = isActive ? Self.distrusted : Self.trusted
        isActive = losses.own.mass >= needed && losses.own.value <= bound * losses.rival.value
    }

    func skill(lead: Duration) -> ForecastSkill {
        let known = losses.own.mass >= needed
        return ForecastSkill(
            lead: lead, overLastValue: known ? losses.skill : nil,
            overSeasonalNaive: seasonalLosses.own.mass >= needed ? seasonalLosses.skill : nil,
            absoluteError: error.mass > 0 ? error.value : nil, coverage: known ? covered.value : nil,
            isActive: isActive)
    }
}
