package import Fleet

import func Glibc.log

/// Forecasts one series of samples with a bank of Holt-Winters' own ingredients.
///
/// Levels at several speeds (their differences are trends) and profiles of the day and the week are the features; a
/// small regression per horizon, learned online, says how much of each to use; errors are tracked as quantiles. There is
/// no mode for young series: what is not known yet is a feature of 0, so it begins as a mean of the last minutes.
///
/// One pass, O(1) a sample, without allocation. Seasons go by the clock on the wall, never by a count of samples, so
/// gaps cannot shift them. A value: a copy, or one decoded from what it encoded, goes on as the original would.
package struct Forecaster: ForecastModel, Hashable, Encodable {
    package let settings: ForecastSettings
    /// The usual time from sample to sample: one slot.
    package let step: Duration
    /// Ascending.
    package let horizons: [Duration]

    private let stepMilliseconds: Int64
    private let stepSeconds: Double
    let shape: BankShape
    /// `nil` until the first sample above 0; all is 0 until then.
    var stabiliser: VarianceStabiliser?
    var means: LevelBank
    var profiles: [SeasonalProfile]
    var heads: [ForecastHead]
    var maxima: MinuteMaxima
    /// The levels, by slot.
    var past: Ring
    var yesterday = Yesterday()
    var range = DecayingRange()
    var peak: RecentPeak
    /// The latest slot, counted from the first sample's.
    var slot = -1
    /// The slot of the last sample that was there.
    var seen = -1
    /// Where the latest slot lies on the clock.
    var slotTime: Timestamp?
    var last: Timestamp?
    var first: Timestamp?

    enum CodingKeys: CodingKey {
        case settings, step, horizons, stabiliser, means, profiles, heads, maxima, past, yesterday, range, peak
        case slot, seen, slotTime, last, first
    }

    /// The shortest sampling that is of use: faster ones fall into one slot.
    package static let shortestStep: Duration = .seconds(15)
    package static let longestHorizon: Duration = .seconds(4 * 3600)
    static let bounds: ClosedRange<Duration> = .seconds(1) ... .seconds(3600)
    package static let usualHorizons: [Duration] = [15, 60, 180, 300, 600, 900, 1800, 3600].map { .seconds($0) }
    /// A clock that is set back by less is waited for.
    private static let patience: Duration = .seconds(300)

    /// - Parameters:
    ///   - step: from 15 seconds to a quarter of an hour.
    ///   - horizons: those shorter than a step count as one step. Other lead times are interpolated between them.
    package init(
        settings: ForecastSettings = ForecastSettings(), step: Duration = shortestStep,
        horizons: [Duration] = usualHorizons
    ) {
        self.settings = settings
        self.step = step
        stepMilliseconds = step.wholeMilliseconds
        stepSeconds = step.seconds
        let plan = BankPlan(step: step.seconds)
        let shape = BankShape(levels: plan.timeConstants.count, profiles: plan.profiles.count)
        let slots = Set(horizons.map { max(1, Int(($0.seconds / step.seconds).rounded())) }).sorted()
        self.horizons = slots.map { step * $0 }
        self.shape = shape
        means = LevelBank(timeConstants: plan.timeConstants, step: step.seconds)
        profiles = plan.profiles
        heads = slots.map {
            ForecastHead(
                horizon: $0, levels: settings.levels, quantile: settings.quantile, prior: plan.prior, shape: shape,
                step: step.seconds)
        }
        maxima = MinuteMaxima(step: step.seconds, longest: slots.last ?? 1)
        past = Ring(length: slots.last ?? 1, width: plan.timeConstants.count)
        peak = RecentPeak(step: step.seconds)
    }

    // MARK: - Observing

    /// Takes the sample of a moment. What is not a number of 0 or more is as good as missing; of several samples in one
    /// slot the first one counts.
    package mutating func observe(_ sample: Double?, at now: Timestamp) {
        guard advance(to: now) else { return }
        let clock = settings.calendar
        let here = moment(now)
        for index in profiles.indices { profiles[index].move(to: here[profiles[index].period]) }
        let usual = sample.flatMap { $0.isFinite && $0 >= 0 ? $0 / clock.multiplier(at: now) : nil }
        maxima.add(usual, slot: slot)
        if let usual {
            if stabiliser == nil, usual > 0 { stabiliser = VarianceStabiliser(unit: usual / 100) }
            let z = stabilised(usual)
            means.add(z, after: seen < 0 ? 1 : slot - seen)
            range.add(z, step: stepSeconds)
            peak.add(usual, slot: slot)
            if clock.teaches(at: now) {
                for index in profiles.indices { profiles[index].add(z) }
            }
            (first, seen) = (min(first ?? now, now), slot)
            learn(usual, z, at: here)
        }
        if seen >= 0 { issue(at: now, here) }
        if let mean = maxima.mean { yesterday[here.secondOfDay] = stabilised(mean) }
    }

    /// Moves on to the slot of `now`; `false` when nothing is to be done, because it is still the latest one.
    private mutating func advance(to now: Timestamp) -> Bool {
        guard let slotTime, let last else {
            (slot, slotTime, last) = (0, now, now)
            return true
        }
        if now < last {
            guard last - now > Self.patience else { return false }
            // The clock was set back. What was forecast is for moments that nobody can tell apart any more.
            let before = slot
            slot += (heads.last?.horizon ?? 0) + 2
            maxima.skip(to: slot, from: before)
            seen = seen < 0 ? seen : slot - 1
            (self.slotTime, self.last) = (now, now)
            return true
        }
        let passed = now.millisecondsSince1970 - slotTime.millisecondsSince1970
        let steps = Int((Double(passed) / Double(stepMilliseconds)).rounded())
        guard steps > 0 else { return false }
        maxima.skip(to: slot + steps, from: slot)
        slot += steps
        // Slots follow the moments of the samples a little, so that late ones do not fall between two of them.
        let due = stepMilliseconds * Int64(steps)
        self.slotTime = later(slotTime, due + (passed - due) / 10)
        self.last = now
        return true
    }

    /// In whole milliseconds, since arithmetic on `Duration` costs more than all the rest of a forecast.
    private func later(_ moment: Timestamp, _ milliseconds: Int64) -> Timestamp {
        Timestamp(millisecondsSince1970: moment.millisecondsSince1970 + milliseconds)
    }

    private func stabilised(_ value: Double) -> Double {
        stabiliser?.stabilised(value) ?? VarianceStabiliser.ofZero
    }

    /// Where on the wall clock the middle of a sample's slot lies; a sample speaks for all of it.
    private func moment(_ time: Timestamp) -> ClockPhase {
        let phase = settings.calendar.phase(at: later(time, stepMilliseconds / 2))
        return ClockPhase(secondOfDay: Double(phase.secondOfDay) + 0.5, secondOfWeek: Double(phase.secondOfWeek) + 0.5)
    }

    private mutating func learn(_ sample: Double, _ z: Double, at here: ClockPhase) {
        let news = News(
            slot: slot, sample: sample, z: z, secondOfDay: here.secondOfDay, maxima: maxima, levels: settings.levels,
            stabiliser: stabiliser)
        let solves = slot % max(1, Int(60 / stepSeconds)) == 0
        withUnsafeTemporaryAllocation(of: Double.self, capacity: shape.features) { features in
            for index in heads.indices {
                heads[index].learn(news, past: past, features: features)
                if solves { heads[index].regression.solve() }
            }
        }
    }

    private mutating func issue(at now: Timestamp, _ here: ClockPhase) {
        let row = past.begin(slot)
        for index in 0..<shape.levels { past[row + index] = means.means[index] }
        let base = past[row]
        let age = first.map { Double(now.millisecondsSince1970 - $0.millisecondsSince1970) / 1000 } ?? 0
        let seasonal = settings.calendar.season(at: now) != .none
        let quantileIndex = settings.quantileIndex
        var highest = -Double.infinity
        withUnsafeTemporaryAllocation(of: Double.self, capacity: shape.features) { features in
            for index in 1..<shape.levels { features[index - 1] = past[row + index] - base }
            for index in heads.indices {
                let target = later(now, stepMilliseconds * Int64(heads[index].horizon))
                let there = moment(target)
                let usable = seasonal && settings.calendar.season(at: target) != .none
                for profile in profiles.indices {
                    let period = profiles[profile].period
                    let feature = shape.levels - 1 + 2 * profile
                    if usable, age >= period, let present = profiles[profile].value(at: here[period]),
                        let future = profiles[profile].value(at: there[period])
                    {
                        (features[feature], features[feature + 1]) = (future - present, present - base)
                    } else {
                        (features[feature], features[feature + 1]) = (0, 0)
                    }
                }
                heads[index].issue(
                    features, levels: shape.levels, base: base, range: range, yesterday: yesterday[there.secondOfDay],
                    at: there.secondOfDay, quantileIndex: quantileIndex, highest: &highest, slot: slot)
            }
        }
    }

    // MARK: - Forecasting

    /// Beyond the longest horizon, what is said holds for that one, and so does `lead` of the answer.
    package func forecast(over lead: Duration) -> DemandForecast? {
        guard let last, !heads.isEmpty, heads[0].issued(in: slot) != nil else { return nil }
        let upper = upperHead(lead)
        let lower = max(0, upper - 1)
        let reach = min(max(lead, horizons[0]), horizons[upper])
        // Whole milliseconds, as in `later`.
        let span = Double(reach.wholeMilliseconds) / Double(stepMilliseconds)
        let (near, far) = (Double(heads[lower].horizon), Double(heads[upper].horizon))
        let share = upper == lower ? 1 : log(span / near) / log(far / near)
        var sample = settings.levels
        var maximum = settings.levels
        for level in settings.levels.indices {
            let (here, there) = (sampleQuantile(level, of: lower), sampleQuantile(level, of: upper))
            sample[level] = here + share * (there - here)
            maximum[level] = 0
        }
        // A longer window has no smaller maximum.
        for head in 0...upper {
            for level in settings.levels.indices {
                let raised = max(maximum[level], maximumQuantile(level, of: head))
                maximum[level] += (head == upper ? share : 1) * (raised - maximum[level])
            }
        }
        let calendar = settings.calendar
        let end = later(last, reach.wholeMilliseconds)
        limit(&sample, times: calendar.multiplier(at: end))
        limit(&maximum, times: calendar.largestMultiplier(after: last, through: end))
        return DemandForecast(lead: reach, levels: settings.levels, sample: sample, maximum: maximum)
    }

    /// How good forecasts this far ahead have been; `nil` without horizons.
    package func skill(over lead: Duration) -> ForecastSkill? {
        heads.isEmpty ? nil : heads[upperHead(lead)].rivals.skill(lead: horizons[upperHead(lead)])
    }

    /// The head with the shortest horizon that reaches so far, or the last one.
    private func upperHead(_ lead: Duration) -> Int { horizons.firstIndex { $0 >= lead } ?? heads.count - 1 }

    private func sampleQuantile(_ level: Int, of head: Int) -> Double {
        guard let issued = heads[head].issued(in: slot) else { return 0 }
        return quantile(level, issued.point, issued.sampleScale, heads[head].sample.thresholds[level])
    }

    private func maximumQuantile(_ level: Int, of head: Int) -> Double {
        guard let issued = heads[head].issued(in: slot) else { return 0 }
        return quantile(level, issued.peak, issued.maximumScale, heads[head].maximum.thresholds[level])
    }

    /// In units of demand. While nothing is known of errors, anything up to twice the point is thought possible.
    private func quantile(_ level: Int, _ point: Double, _ scale: Double, _ threshold: Double) -> Double {
        guard let stabiliser else { return 0 }
        guard scale > 0 else { return 2 * settings.levels[level] * stabiliser.value(point) }
        return stabiliser.value(point + scale * threshold)
    }

    /// Puts quantiles in order, keeps them near what the last three days had, and lets events multiply them.
    private func limit(_ quantiles: inout [Double], times multiplier: Double) {
        var floor = 0.0
        for (index, level) in settings.levels.enumerated() {
            let bound = (level <= 0.9 ? 1.5 : 3) * peak.value
            floor = max(floor, min(quantiles[index], bound))
            quantiles[index] = floor
        }
        for index in quantiles.indices { quantiles[index] *= multiplier }
    }
}

/// Where on the wall clock a moment is, in seconds.
struct ClockPhase {
    var secondOfDay: Double
    var secondOfWeek: Double

    /// Since the last begin of a period, of a day or a week.
    subscript(period: Double) -> Double { period <= 86_400 ? secondOfDay : secondOfWeek }
}
