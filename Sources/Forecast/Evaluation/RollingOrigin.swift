import Fleet

/// Scores forecasters on a recorded series by rolling origins.
///
/// 1. The first half, cut down to whole days and at least two, is for learning only. The states of the forecasters keep
///    being updated after it.
/// 2. Over the days after it the forecasters are asked at origins that lie 4 min 45 s apart: every 5 min would lock on
///    to what runs by the clock.
/// 3. What they said of the sample at each horizon, and of the largest one-minute mean up to it, is held against what
///    came, and their losses against those of naive forecasts on the same origins.
///
/// A forecaster is handed the samples one by one, so it cannot look ahead.
package struct RollingOrigin: Sendable {
    package struct Settings: Hashable, Sendable {
        package var horizons: [Duration] = [180, 300, 600, 900].map { .seconds($0) }
        /// Probabilities, ascending; 0.5 among them.
        package var levels: [Double] = [0.5, 0.9, 0.99]
        /// Days to score at most. Where it is given, a series that is too short for the learning of step 1 is learned
        /// from up to this many days before its end.
        package var testDays: Double?

        package init() {}
    }

    package let series: SampleSeries
    package let settings: Settings
    /// The horizons in whole steps, rounded down, at least one; in the order of the settings.
    package let slots: [Int]
    /// The first slot after the learning, and the one after the last that is scored.
    package let test: Range<Int>
    /// The slots after whose sample the forecasters are asked.
    package let origins: [Int]
    /// The mean absolute error of the daily seasonal naive within the learning: the unit of MASE. `nil` where learning
    /// has no two days.
    package let seasonalError: Double?
    /// Of each horizon, by slot, the largest one-minute mean of as many slots up to it; `nil` where too little is known.
    package let largest: [[Double?]]

    package init(_ series: SampleSeries, settings: Settings = Settings()) throws(SeriesTooShort) {
        (self.series, self.settings) = (series, settings)
        let (count, step) = (series.values.count, series.step)
        slots = settings.horizons.map { $0.slots(of: step) }
        let day = Duration.seconds(86_400).slots(of: step)
        let (fiveMinutes, furthest) = (Duration.seconds(300).slots(of: step), slots.max() ?? 1)
        let testSlots = Int(((settings.testDays ?? 7) * Double(day)).rounded())
        var start = max(count / 2 / day * day, 2 * day)
        if let days = settings.testDays, start + fiveMinutes + furthest >= count {
            start = count - testSlots
            guard start > 0, testSlots > fiveMinutes + furthest else {
                let needed = testSlots > fiveMinutes + furthest ? testSlots + 1 : fiveMinutes + furthest + 1
                throw SeriesTooShort(length: step * count, needed: step * needed, testDays: days)
            }
        }
        test = start..<max(start, min(count, start + testSlots))
        origins = Array(stride(from: start + fiveMinutes, to: test.upperBound - furthest, by: max(1, fiveMinutes - 1)))
        guard !origins.isEmpty else {
            throw SeriesTooShort(
                length: step * count, needed: step * (start + fiveMinutes + furthest + 1), testDays: settings.testDays)
        }
        seasonalError = Accuracy.seasonalNaive(Array(series.interpolated().prefix(start)), season: day)
        largest = slots.map { slots in
            var (minute, window) = (MinuteMean(step: step), WindowMaximum(slots: slots))
            return series.values.map { window.observe(minute.observe($0)) }
        }
    }

    /// The spans that forecasters are asked for: the horizons in whole steps, each once, ascending.
    package var leads: [Duration] { Set(slots).sorted().map { series.step * $0 } }

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
                    horizon: settings.horizons[index], sample: sample.0, sampleOfNaive: sample.1, maximum: maximum.0,
                    maximumOfNaive: maximum.1)
            }, seasonalError: seasonalError)
    }
}

/// A series is too short to be scored.
package struct SeriesTooShort: Error, Hashable, CustomStringConvertible {
    package var length: Duration
    package var needed: Duration
    /// As in the settings.
    package var testDays: Double?

    package var description: String {
        let hours = { (span: Duration) in "\((span.seconds / 360).rounded(.up) / 10) hours" }
        let remedy = testDays == nil ? ", or a number of days to score at its end" : ", or fewer days to score"
        return "expected a series of at least \(hours(needed))\(remedy); found \(hours(length))"
    }
}

extension SampleSeries {
    /// The values with missing ones on a straight line between their neighbours, at the ends as the next one there is;
    /// zeros where there is none at all.
    func interpolated() -> [Double] {
        var filled = values.map { $0 ?? .nan }
        let known = filled.indices.filter { !filled[$0].isNaN }
        guard let first = known.first, let last = known.last else { return filled.map { _ in 0 } }
        for slot in 0..<first { filled[slot] = filled[first] }
        for slot in last..<filled.count { filled[slot] = filled[last] }
        for (left, right) in zip(known, known.dropFirst()) where right - left > 1 {
            let slope = (filled[right] - filled[left]) / Double(right - left)
            for slot in left + 1..<right { filled[slot] = filled[left] + slope * Double(slot - left) }
        }
        return filled
    }
}
