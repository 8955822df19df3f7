/// Exponential smoothing of a level, a trend and one season: simple, Holt's, and Holt's and Winters' methods.
///
/// The forecast of the next sample is `ahead + s` (or `ahead * s`), where `ahead = l + phi b`. A model without a trend
/// is one whose `beta` and `trend` are 0; one without a season has the additive season `[0]` and `gamma` 0.
package struct HoltWinters: Hashable, Sendable {
    /// How a sample moves the states; l', b', s are those before it, e = y - l' - phi b' - s.
    ///
    /// With an additive season the three are one recurrence with different gains; see `Gains`.
    package enum Form: Hashable, Sendable {
        /// Winters (1960), as R's `HoltWinters`: b = beta (l - l') + (1 - beta) phi b', s = gamma (y - l) + (1 - gamma) s.
        case winters
        /// Hyndman (2008), as statsmodels: the same b; s = gamma (y - l' - phi b') + (1 - gamma) s.
        case hyndman
        /// Innovations, as R's `ets`: l = l' + phi b' + alpha e, b = phi b' + beta e, s = s + gamma e.
        case innovations
    }

    package enum Seasonality: Hashable, Sendable {
        /// The season is added to the level.
        case additive
        /// The season multiplies the level; samples must be greater than 0.
        case multiplicative
    }

    /// How fast each state follows the samples, 0 to 1; `phi` damps the trend from step to step, 1 not at all.
    package struct Smoothing: Hashable, Sendable {
        package var alpha: Double
        package var beta: Double
        package var gamma: Double
        package var phi: Double

        package init(alpha: Double, beta: Double = 0, gamma: Double = 0, phi: Double = 1) {
            (self.alpha, self.beta, self.gamma, self.phi) = (alpha, beta, gamma, phi)
        }
    }

    package let form: Form
    package let seasonality: Seasonality
    package let smoothing: Smoothing
    let gains: Gains
    package private(set) var level: Double
    package private(set) var trend: Double
    private var season: [Double]
    /// Where in `season` the next sample lies.
    private var next = 0

    /// - Parameter season: one value a slot, that of the next sample first; at least one.
    package init(
        form: Form, seasonality: Seasonality = .additive, smoothing: Smoothing,
        level: Double, trend: Double = 0, season: [Double] = [0]
    ) {
        precondition(!season.isEmpty, "a season has at least one slot")
        (self.form, self.seasonality, self.smoothing) = (form, seasonality, smoothing)
        gains = Gains(smoothing, form, seasonality)
        (self.level, self.trend, self.season) = (level, trend, season)
    }

    /// The seasonal states, that of the next sample first.
    package var seasonAhead: [Double] { Array(season[next...] + season[..<next]) }

    /// Takes the next sample. A missing one (also one that is not finite, or not greater than 0 under a multiplicative
    /// season) only lets time pass.
    package mutating func observe(_ sample: Double?) {
        let drift = smoothing.phi * trend
        let ahead = level + drift
        (level, trend) = (ahead, drift)
        let slot = next
        next = slot + 1 == season.count ? 0 : slot + 1
        guard let sample, sample.isFinite else { return }
        switch seasonality {
        case .additive:
            let error = sample - ahead - season[slot]
            level = ahead + gains.level * error
            trend = drift + gains.trend * error
            season[slot] += gains.season * error
        case .multiplicative:
            guard sample > 0 else { return }
            let deseasoned = sample / season[slot]
            // A level that a falling trend has taken to 0 or below means nothing as a factor: begin again from here.
            guard ahead > 0 else { return (level, trend) = (deseasoned, 0) }
            level = ahead + gains.level * (deseasoned - ahead)
            trend = drift + gains.trend * (deseasoned - ahead)
            let base = gains.seasonFollowsNewLevel ? level : ahead
            season[slot] += gains.season * (sample / base - season[slot])
        }
    }

    /// The forecast of the sample `steps` after the last one.
    package func point(steps: Int) -> Double {
        precondition(steps >= 1, "a forecast is of a later sample")
        let ahead = level + trend * Self.dampedSteps(smoothing.phi, steps)
        let factor = season[(next + steps - 1) % season.count]
        return seasonality == .additive ? ahead + factor : ahead * factor
    }

    /// The forecast's variance with an additive season: v (1 + sum over 0 < j < steps of c_j^2), where
    /// c_j = a + b (phi + .. + phi^j) + g [the season's length divides j], with the gains a, b, g of the innovations
    /// form. Hyndman et al., Forecasting with Exponential Smoothing (2008), table 6.1; for Winters' form also
    /// Yar and Chatfield (1990).
    ///
    /// - Parameter errorVariance: v, the variance of the forecasts one step ahead.
    /// - Returns: `nil` for a multiplicative season, where no such closed form holds.
    package func forecastVariance(steps: Int, errorVariance: Double) -> Double? {
        precondition(steps >= 1, "a forecast is of a later sample")
        guard seasonality == .additive else { return nil }
        var (sum, damping, steepness) = (1.0, 1.0, 0.0)
        for j in 1..<steps {
            damping *= smoothing.phi
            steepness += damping
            let seasonal = j.isMultiple(of: season.count) ? gains.season : 0
            let weight = gains.level + gains.trend * steepness + seasonal
            sum += weight * weight
        }
        return errorVariance * sum
    }

    /// The quantile `probability` (0 to 1, exclusive) of a normal forecast; `nil` for a multiplicative season.
    package func quantile(_ probability: Double, steps: Int, errorVariance: Double) -> Double? {
        forecastVariance(steps: steps, errorVariance: errorVariance).map {
            point(steps: steps) + NormalDistribution.quantile(probability) * $0.squareRoot()
        }
    }

    /// phi + phi^2 + .. + phi^steps.
    private static func dampedSteps(_ phi: Double, _ steps: Int) -> Double {
        guard phi != 1 else { return Double(steps) }
        return (0..<steps).reduce(into: 0) { sum, _ in sum = (sum + 1) * phi }
    }
}

extension HoltWinters {
    /// The share of the forecast's error that each state takes, which is the same for every form but that Winters'
    /// multiplicative season is measured against the new level.
    struct Gains: Hashable, Sendable {
        var level: Double
        var trend: Double
        var season: Double
        var seasonFollowsNewLevel: Bool

        /// From b = beta (l - l') + (1 - beta) phi b' and l - l' = phi b' + alpha e follows b = phi b' + alpha beta e,
        /// and from y - l = s + (1 - alpha) e follows Winters' s + gamma (1 - alpha) e.
        init(_ smoothing: Smoothing, _ form: Form, _ seasonality: Seasonality) {
            level = smoothing.alpha
            trend = form == .innovations ? smoothing.beta : smoothing.alpha * smoothing.beta
            seasonFollowsNewLevel = form == .winters && seasonality == .multiplicative
            let measuredAgainstNewLevel = form == .winters && seasonality == .additive
            season = measuredAgainstNewLevel ? smoothing.gamma * (1 - smoothing.alpha) : smoothing.gamma
        }
    }
}
