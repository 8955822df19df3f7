package import Fleet

/// Forecasts one series of samples with a bank of Holt-Winters' own ingredients.
///
/// Levels at several speeds (their differences are trends) and profiles of the day and the week are the features; a
/// small regression per horizon, learned online, says how much of each to use; errors are tracked as quantiles. There is
/// no mode for young series: what is not known yet is a feature of 0, so it begins as a mean of the last minutes.
///
/// One pass, O(1) a sample, without allocation but for scratch once a minute. Seasons go by the clock on the wall, never
/// by a count of samples, so gaps cannot shift them. A value: a copy, or one decoded from what it encoded, goes on as the
/// original would.
package struct Forecaster: ForecastModel, Hashable, Encodable {
    package private(set) var settings: ForecastSettings
    /// The usual time from sample to sample: one slot.
    package let step: Duration
    /// Ascending.
    package let horizons: [Duration]

    let stepMilliseconds: Int64
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
    var yesterday: Yesterday
    var range = DecayingRange()
    var peak: RecentPeak
    /// The latest slot, counted from the first sample's.
    var slot = -1
    /// The slot of the last sample that was there.
    var seen = -1
    /// Samples that were there.
    var samples = 0
    /// The slot in which the regressions were last solved.
    var solved = 0
    /// The mean of the first ten minutes of demand, until they are over.
    var unitMean: RunningMean?
    /// Where the latest slot lies on the clock.
    var slotTime: Timestamp?
    var last: Timestamp?
    var first: Timestamp?

    enum CodingKeys: CodingKey {
        case settings, step, horizons, stabiliser, means, profiles, heads, maxima, past, yesterday, range, peak
        case slot, seen, samples, solved, unitMean, slotTime, last, first
    }

    /// The shortest sampling that is of use: faster ones fall into one slot.
    package static let shortestStep: Duration = .seconds(15)
    package static let longestHorizon: Duration = .seconds(4 * 3600)
    /// What a step may be; from the one to the next.
    package static let steps: ClosedRange<Duration> = .seconds(1) ... .seconds(3600)
    /// What a sample above 0 may be: beyond these it can only be a mistake.
    static let plausible = 1e-9...1e12
    /// A sample counts for so many times the largest one of three days, once there has been an hour of them.
    private static let outlier = 10.0
    /// For so many milliseconds, or for the lead time where that is longer, a sample speaks for the present.
    static let freshness: Int64 = 900_000
    package static let usualHorizons: [Duration] = [15, 60, 180, 300, 600, 900, 1800, 3600].map { .seconds($0) }
    /// A clock that is set back by less is waited for.
    private static let patience: Duration = .seconds(300)

    /// - Parameters:
    ///   - step: from a second to an hour; made for a quarter of a minute to a quarter of an hour.
    ///   - horizons: up to four hours; those shorter than a step count as one step. Other lead times are interpolated
    ///     between them.
    /// - Precondition: the step and the horizons are within these bounds, levels ascend between 0 and 1.
    package init(
        settings: ForecastSettings = ForecastSettings(), step: Duration = shortestStep,
        horizons: [Duration] = usualHorizons
    ) {
        precondition(Self.steps.contains(step) && horizons.allSatisfy { $0 <= Self.longestHorizon })
        precondition(Self.areLevels(settings.levels))
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
        yesterday = Yesterday(step: step.seconds)
    }

    static func areLevels(_ levels: [Double]) -> Bool {
        !levels.isEmpty && levels.allSatisfy { $0 > 0 && $0 < 1 } && zip(levels, levels.dropFirst()).allSatisfy(<)
    }

    /// Takes over settings that do not change what was learned: holidays, events and quiet times.
    ///
    /// - Returns: whether these settings differ in nothing else.
    package mutating func adopt(_ new: ForecastSettings) -> Bool {
        guard
            (new.levels, new.quantile, new.calendar.clock) == (
                settings.levels, settings.quantile, settings.calendar.clock
            )
        else { return false }
        settings = new
        return true
    }

    // MARK: - Observing

    /// Takes the sample of a moment. What cannot be a demand is as good as missing; of several samples in one slot the
    /// first one counts.
    package mutating func observe(_ sample: Double?, at now: Timestamp) {
        guard advance(to: now) else { return }
        let here = phase(of: now)
        for index in profiles.indices { profiles[index].move(to: here[profiles[index].period]) }
        let usual = sample.flatMap { accepted($0, at: now) }
        maxima.add(usual, slot: slot)
        if let usual {
            samples += 1
            settleUnit(usual, at: now)
            let z = stabilised(usual)
            means.add(z, after: seen < 0 ? 1 : slot - seen)
            range.add(z, step: stepSeconds)
            peak.add(usual, slot: slot)
            if settings.calendar.teaches(at: later(now, stepMilliseconds / 2)) {
                for index in profiles.indices { profiles[index].add(z) }
            }
            (first, seen) = (min(first ?? now, now), slot)
            learn(usual, z, at: here)
        }
        if seen >= 0 { issue(at: now, here) }
        if let mean = maxima.mean { yesterday.note(stabilised(mean), at: here) }
    }

    /// The sample as it would be without events, if it can be one.
    private func accepted(_ sample: Double, at now: Timestamp) -> Double? {
        let usual = sample / settings.calendar.multiplier(at: now)
        guard usual == 0 || Self.plausible.contains(usual) else { return nil }
        let isOld = Double(samples) * stepSeconds > 3600
        return isOld && peak.value > 0 ? min(usual, Self.outlier * peak.value) : usual
    }

    /// The first sample above 0 sets the unit. If that was no typical one, ten minutes later all begins anew.
    private mutating func settleUnit(_ sample: Double, at now: Timestamp) {
        guard let unit = stabiliser?.unit else {
            if sample > 0 {
                (stabiliser, unitMean) = (
                    VarianceStabiliser(unit: sample / 100), RunningMean(memory: 1e9, step: stepSeconds)
                )
            }
            return
        }
        guard var mean = unitMean else { return }
        mean.add(sample)
        unitMean = mean
        guard mean.mass * stepSeconds >= 600 else { return }
        unitMean = nil
        let typical = max(mean.value, Self.plausible.lowerBound) / 100
        guard !(0.25...4).contains(typical / unit) else { return }
        var fresh = Forecaster(settings: settings, step: step, horizons: horizons)
        (fresh.slot, fresh.slotTime, fresh.last, fresh.first) = (slot, slotTime, last, first)
        (fresh.maxima, fresh.peak, fresh.samples) = (maxima, peak, samples)
        fresh.stabiliser = VarianceStabiliser(unit: typical)
        self = fresh
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
    func later(_ moment: Timestamp, _ milliseconds: Int64) -> Timestamp {
        Timestamp(millisecondsSince1970: moment.millisecondsSince1970 + milliseconds)
    }

    private func stabilised(_ value: Double) -> Double {
        stabiliser?.stabilised(value) ?? VarianceStabiliser.ofZero
    }

    /// Where on the wall clock the middle of a sample's slot lies; a sample speaks for all of it.
    ///
    /// - Parameter before: the phase of a moment less than a day earlier, from which the day is told; `nil` asks the clock.
    private func phase(of time: Timestamp, after before: ClockPhase? = nil) -> ClockPhase {
        let middle = later(time, stepMilliseconds / 2)
        let phase = settings.calendar.phase(at: middle)
        let day =
            before.map { $0.day + (Double(phase.secondOfDay) < $0.secondOfDay ? 1 : 0) }
            ?? settings.calendar.clock.localSecond(at: middle).floorDivided(by: 86_400).quotient
        return ClockPhase(
            day: day, secondOfDay: Double(phase.secondOfDay) + 0.5, secondOfWeek: Double(phase.secondOfWeek) + 0.5)
    }

    private mutating func learn(_ sample: Double, _ z: Double, at here: ClockPhase) {
        let news = News(
            slot: slot, sample: sample, z: z, secondOfDay: here.secondOfDay, maxima: maxima, levels: settings.levels,
            stabiliser: stabiliser)
        withUnsafeTemporaryAllocation(of: Double.self, capacity: shape.features) { features in
            for index in heads.indices { heads[index].learn(news, past: past, features: features) }
        }
        if slot - solved >= max(1, Int(60 / stepSeconds)) {
            heads.solve()
            solved = slot
        }
    }

    private mutating func issue(at now: Timestamp, _ here: ClockPhase) {
        let row = past.begin(slot)
        for index in 0..<shape.levels { past[row + index] = means.means[index] }
        let base = past[row]
        let age = first.map { Double(now.millisecondsSince1970 - $0.millisecondsSince1970) / 1000 } ?? 0
        let seasonal = settings.calendar.season(at: now) != .none
        let context = IssueContext(
            slot: slot, base: base, levels: shape.levels, range: range,
            quantileIndex: settings.quantileIndex, probabilities: settings.levels, stabiliser: stabiliser)
        let quantiles = settings.levels.count
        withUnsafeTemporaryAllocation(of: Double.self, capacity: shape.features + quantiles + shape.profiles) {
            scratch in
            let features = UnsafeMutableBufferPointer(rebasing: scratch[..<shape.features])
            var nearer = NearerForecasts(
                maxima: UnsafeMutableBufferPointer(rebasing: scratch[shape.features..<shape.features + quantiles]))
            nearer.maxima.initialize(repeating: -.infinity)
            let presents = UnsafeMutableBufferPointer(rebasing: scratch[(shape.features + quantiles)...])
            for profile in profiles.indices {
                let period = profiles[profile].period
                presents[profile] = seasonal && age >= period ? profiles[profile].value(at: here[period]) ?? .nan : .nan
            }
            for index in 1..<shape.levels { features[index - 1] = past[row + index] - base }
            for index in heads.indices {
                let target = later(now, stepMilliseconds * Int64(heads[index].horizon))
                let there = phase(of: target, after: here)
                let usable = settings.calendar.season(at: target) != .none
                for profile in profiles.indices {
                    let period = profiles[profile].period
                    let feature = shape.levels - 1 + 2 * profile
                    let present = presents[profile]
                    if usable, !present.isNaN, let future = profiles[profile].value(at: there[period]) {
                        (features[feature], features[feature + 1]) = (future - present, present - base)
                    } else {
                        (features[feature], features[feature + 1]) = (0, 0)
                    }
                }
                heads[index].issue(
                    features, context, yesterday: yesterday.value(before: there), at: there.secondOfDay, nearer: &nearer
                )
            }
        }
    }
}

/// Where on the wall clock a moment is, in seconds.
struct ClockPhase {
    /// Of the wall clock, counted from 1970.
    var day: Int
    var secondOfDay: Double
    var secondOfWeek: Double

    /// Since the last begin of a period, of a day or a week.
    subscript(period: Double) -> Double { period <= 86_400 ? secondOfDay : secondOfWeek }
}
