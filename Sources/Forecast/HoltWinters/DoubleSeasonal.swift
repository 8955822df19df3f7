import func Glibc.pow

/// Taylor's exponential smoothing with two seasons, one within the other, as R's `dshw`: a day and a week, say.
///
/// The forecast is (l + h b) i w + phi^h e, where i and w are the factors of the two seasons and e is the last error
/// one step ahead without this correction. Taylor, Short-term electricity demand forecasting using double seasonal
/// exponential smoothing, Journal of the Operational Research Society 54 (2003). Samples must be greater than 0.
package struct DoubleSeasonal: Hashable, Sendable {
    /// How fast each state follows the samples, 0 to 1; `phi`, 0 to below 1, is how much of an error stays to the next.
    package struct Smoothing: Hashable, Sendable {
        /// Of the level.
        package var alpha: Double
        /// Of the trend.
        package var beta: Double
        /// Of the shorter season.
        package var gamma: Double
        /// Of the longer season.
        package var omega: Double
        package var phi: Double

        package init(alpha: Double, beta: Double, gamma: Double, omega: Double, phi: Double = 0) {
            (self.alpha, self.beta, self.gamma) = (alpha, beta, gamma)
            (self.omega, self.phi) = (omega, phi)
        }
    }

    /// The states before the first sample; in each season the factor of that sample comes first.
    package struct Start: Hashable, Sendable {
        package var level: Double
        package var trend: Double
        package var short: [Double]
        package var long: [Double]

        package init(level: Double, trend: Double, short: [Double], long: [Double]) {
            (self.level, self.trend, self.short, self.long) = (level, trend, short, long)
        }
    }

    package let smoothing: Smoothing
    private var state: Start
    /// The last error one step ahead, before its own part was taken into account.
    private var error = 0.0
    private var shortNext = 0
    private var longNext = 0

    package init(smoothing: Smoothing, start: Start) {
        precondition(!start.short.isEmpty && !start.long.isEmpty, "a season has at least one slot")
        (self.smoothing, state) = (smoothing, start)
    }

    /// Takes the next sample. A missing one (also one that is not finite or not greater than 0) only lets time pass.
    package mutating func observe(_ sample: Double?) {
        let (shortSlot, longSlot) = (shortNext, longNext)
        shortNext = shortSlot + 1 == state.short.count ? 0 : shortSlot + 1
        longNext = longSlot + 1 == state.long.count ? 0 : longSlot + 1
        let ahead = state.level + state.trend
        guard let sample, sample.isFinite, sample > 0 else {
            state.level = ahead
            error *= smoothing.phi
            return
        }
        let (short, long) = (state.short[shortSlot], state.long[longSlot])
        error = sample - ahead * short * long
        // A level that a falling trend has taken to 0 or below means nothing as a factor: begin again from here.
        guard ahead > 0 else { return (state.level, state.trend) = (sample / (short * long), 0) }
        let level = smoothing.alpha * (sample / (short * long)) + (1 - smoothing.alpha) * ahead
        state.trend = smoothing.beta * (level - state.level) + (1 - smoothing.beta) * state.trend
        state.short[shortSlot] = smoothing.gamma * (sample / (level * long)) + (1 - smoothing.gamma) * short
        state.long[longSlot] = smoothing.omega * (sample / (level * short)) + (1 - smoothing.omega) * long
        state.level = level
    }

    /// The forecast of the sample `steps` after the last one.
    package func point(steps: Int) -> Double {
        precondition(steps >= 1, "a forecast is of a later sample")
        let short = state.short[(shortNext + steps - 1) % state.short.count]
        let long = state.long[(longNext + steps - 1) % state.long.count]
        return (state.level + Double(steps) * state.trend) * short * long + pow(smoothing.phi, Double(steps)) * error
    }
}
