import Fleet

/// Scores forecasters on a recorded series by rolling origins.
///
/// 1. The first half, cut down to whole days and at least two, is for learning only. The states of the forecasters keep
///    being updated after it.
/// 2. Over the days after it the forecasters are asked at origins that lie five minutes less one step apart: every five
///    minutes would lock on to what runs by the clock.
/// 3. What they said of the sample at each horizon, and of the largest one-minute mean up to it, is held against what
///    came, and their losses against those of naive forecasts on the same origins.
///
/// A forecaster is handed the samples one by one, so it cannot look ahead.
package struct RollingOrigin: Sendable {
    package struct Settings: Hashable, Sendable {
        package var horizons: [Duration] = [180, 300, 600, 900].map { .seconds($0) }
        /// Probabilities, ascending; 0.5 among them.
        package var levels: [Double] = [0.5, 0.9, 0.99]
        /// Days to score at most, above 5 minutes and the longest horizon. Where it is given, a series that is too short for the learning of step 1 is learned
        /// from up to this many days before its end.
        package var testDays: Double?

        package init() {}
    }

    package let series: SampleSeries
    package let settings: Settings
    /// The horizons in whole steps, rounded down, at least one; each once, in the order of the settings.
    package let slots: [Int]
    /// The first slot after the learning, and the one after the last that is scored.
    package let test: Range<Int>
    /// The slots after whose sample the forecasters are asked.
    package let origins: [Int]
    /// Of each horizon, at how many origins the sample at it is known: what there is to score.
    package let known: [Int]
    /// The mean absolute error of the daily seasonal naive within the learning: the unit of MASE. `nil` where learning
    /// has no two days, or no sample.
    package let seasonalError: Double?
    /// Of each horizon, by slot, the largest one-minute mean of as many slots up to it; `nil` where too little is known.
    package let largest: [[Double?]]

    package init(_ series: SampleSeries, settings: Settings = Settings()) throws(NotScorable) {
        (self.series, self.settings) = (series, settings)
        let (count, step) = (series.values.count, series.step)
        var seen: Set<Int> = []
        slots = settings.horizons.map { $0.slots(of: step) }.filter { seen.insert($0).inserted }
        let day = Duration.seconds(86_400).slots(of: step)
        let (fiveMinutes, furthest) = (Duration.seconds(300).slots(of: step), slots.max() ?? 1)
        let lost = fiveMinutes + furthest
        let testSlots = Int(((settings.testDays ?? 7) * Double(day)).rounded())
        guard testSlots > lost else { throw .testTooShort(step * testSlots, needed: step * (lost + 1)) }
        var start = max(count / 2 / day * day, 2 * day)
        if start + lost >= count {
            let needed = start + lost + 1
            if settings.testDays != nil { start = count - testSlots }
            guard settings.testDays != nil, start > 0 else {
                throw .tooShort(step * count, needed: step * needed, test: Self.workable(count, lost: lost, day: day))
            }
        }
        test = start..<min(count, start + testSlots)
        origins = Array(stride(from: start + fiveMinutes, to: test.upperBound - furthest, by: max(1, fiveMinutes - 1)))
        known = slots.map { [origins] ahead in origins.count { series.values[$0 + ahead] != nil } }
        guard known.contains(where: { $0 > 0 }) else { throw .nothingCame(origins: origins.count) }
        let learned = series.values[..<start].contains { $0 != nil }
        seasonalError =
            learned ? series.interpolated().flatMap { Accuracy.seasonalNaive(Array($0[..<start]), season: day) } : nil
        largest = slots.map { slots in
            var (minute, window) = (MinuteMean(step: step), WindowMaximum(slots: slots))
            return series.values.map { window.observe(minute.observe($0)) }
        }
    }

    /// The horizons as they are scored: in whole steps, in the order of `slots`.
    package var horizons: [Duration] { slots.map { series.step * $0 } }

    /// The same, ascending.
    package var leads: [Duration] { horizons.sorted() }

    /// A number of days that can be scored at the end of a series, about a third of it; `nil` where it is too short for
    /// any.
    private static func workable(_ count: Int, lost: Int, day: Int) -> Double? {
        for scale in [10.0, 100, 10_000] {
            let days = (Double(max(count / 3, lost + 1)) / Double(day) * scale).rounded(.up) / scale
            let slots = Int((days * Double(day)).rounded())
            if slots > lost, slots < count { return days }
        }
        return nil
    }

    /// What a forecaster said, at each horizon and there at each origin; `nil` where it said nothing.
    package typealias Trial = [[DemandForecast?]]

    /// What comes before a slot, for forecasters that are fitted.
    package func training(upTo slot: Int) -> SampleSeries {
        SampleSeries(start: series.start, step: series.step, values: Array(series.values[..<slot]))
    }

    /// Feeds the series to a forecaster up to the last origin.
    ///
    /// - Parameters:
    ///   - first: the first slot that it has not seen yet, at most the first of the test.
    ///   - progress: called now and then with the share that is done.
    package func trial(
        of model: some ForecastModel, from first: Int = 0, progress: (Double) -> Void = { _ in }
    ) -> Trial {
        var model = model
        var said = Trial(repeating: [], count: slots.count)
        for slot in first..<test.upperBound {
            model.observe(series.values[slot], at: series.time(of: slot))
            if said[0].count < origins.count, slot == origins[said[0].count] {
                for (index, slots) in slots.enumerated() {
                    said[index].append(model.forecast(over: series.step * slots))
                }
            }
            if slot % 4096 == 0 { progress(Double(slot) / Double(test.upperBound)) }
        }
        return said
    }

    /// What naive forecasters say: the last value stays, and so does the largest one-minute mean of as long a time as
    /// the horizon, each with the tracked quantiles of its errors.
    package func naive() -> Trial {
        let levels = settings.levels
        let last = trial(of: TrackedForecast(LastValue(), step: series.step, horizons: leads, levels: levels))
        return slots.indices.map { index in
            var tracked = TrackedQuantiles(levels: levels, step: series.step)
            var said: [DemandForecast?] = []
            for (slot, now) in largest[index][..<test.upperBound].enumerated() {
                if let now, slot >= slots[index], let before = largest[index][slot - slots[index]] {
                    tracked.learn(now - before)
                }
                guard said.count < origins.count, slot == origins[said.count] else { continue }
                var forecast = last[index][said.count]
                forecast?.maximum = levels.indices.map { level in
                    guard let now, let margin = tracked.margin(level) else { return .nan }
                    return max(0, now + margin)
                }
                said.append(forecast)
            }
            return said
        }
    }

    /// Holds what a forecaster said against what came, and against what naive ones said at the same origins.
    package func score(_ trial: Trial, against naive: Trial) -> ForecastScore {
        ForecastScore(
            horizons: slots.indices.map { index in
                let ahead = slots[index]
                func scores(
                    _ actual: (Int) -> Double?, _ target: KeyPath<DemandForecast, [Double]>
                ) -> (TargetScore, TargetScore) {
                    // Only where something came, and both said all of what they are asked.
                    let pairs = origins.indices.compactMap { origin -> (y: Double, said: [Double], base: [Double])? in
                        guard let y = actual(origins[origin] + ahead),
                            let said = trial[index][origin]?[keyPath: target], said.allSatisfy(\.isFinite),
                            let base = naive[index][origin]?[keyPath: target], base.allSatisfy(\.isFinite)
                        else { return nil }
                        return (y, said, base)
                    }
                    let came = pairs.map(\.y)
                    return (
                        TargetScore(came, pairs.map(\.said), levels: settings.levels),
                        TargetScore(came, pairs.map(\.base), levels: settings.levels)
                    )
                }
                let sample = scores({ series.values[$0] }, \.sample)
                let maximum = scores({ largest[index][$0] }, \.maximum)
                return ForecastScore.Horizon(
                    horizon: series.step * slots[index], sample: sample.0, sampleOfNaive: sample.1, maximum: maximum.0,
                    maximumOfNaive: maximum.1)
            }, seasonalError: seasonalError)
    }
}

/// Why a series cannot be scored.
package enum NotScorable: Error, Hashable, Sendable {
    /// A series is too short to be learned from and scored. `test` is a number of days at its end for which it is not.
    case tooShort(Duration, needed: Duration, test: Double?)
    /// What is to be scored has no room for 5 minutes and the longest horizon.
    case testTooShort(Duration, needed: Duration)
    /// No sample that would be forecast is known.
    case nothingCame(origins: Int)
}
