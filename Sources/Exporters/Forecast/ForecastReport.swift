import Fleet
package import Forecast

/// How forecasters did on one recorded series, ready to be shown.
package struct ForecastReport: Sendable {
    /// What the series is called.
    package var name: String
    package var rolling: RollingOrigin
    /// The clock by which days begin in charts.
    package var clock: CivilClock
    package var rows: [Row] = []

    /// One forecaster.
    package struct Row: Sendable {
        package var name: String
        package var outcome: Outcome
        /// Wall time of fitting and of forecasting all of the series.
        package var seconds: Double

        package init(name: String, outcome: Outcome, seconds: Double) {
            (self.name, self.outcome, self.seconds) = (name, outcome, seconds)
            if case .scored(let score, _) = outcome, score.horizons.allSatisfy({ $0.sample.count == 0 }) {
                self.outcome = .left("it said nothing where something came")
            }
        }

        /// Why there is no score.
        package var reason: String? {
            guard case .left(let reason) = outcome else { return nil }
            return reason
        }

        /// That it is scored on less than there is.
        func note(of rolling: RollingOrigin) -> String? {
            guard case .scored(let score, _) = outcome else { return nil }
            let missing = zip(score.horizons, rolling.known).map { $1 - $0.sample.count }.max() ?? 0
            return missing > 0 ? "scored without \(missing) origins at which it said nothing." : nil
        }
    }

    package enum Outcome: Sendable {
        case scored(ForecastScore, RollingOrigin.Trial)
        /// Why there is no score.
        case left(String)
    }

    package init(name: String, rolling: RollingOrigin, clock: CivilClock) {
        (self.name, self.rolling, self.clock) = (name, rolling, clock)
    }

    /// What was scored, in one line.
    var summary: String {
        let (series, test) = (rolling.series, rolling.test)
        let days = { (slots: Int) in
            let span = series.step * slots
            return span < .seconds(2 * 86_400) ? spanText(span) : shortNumber(span.seconds / 86_400) + " days"
        }
        let missing = Double(series.values.count { $0 == nil }) / Double(series.values.count)
        return "\(days(series.values.count)) in steps of \(shortNumber(series.step.seconds, decimals: 3)) s"
            + (missing > 0 ? ", \(shortNumber(missing * 100, decimals: 2)) % missing" : "")
            + "; learned from \(days(test.lowerBound)), scored over \(days(test.count)) at \(origins(rolling.known))"
    }

    /// How many origins have something to score, of how many.
    private func origins(_ known: [Int]) -> String {
        let (all, fewest, most) = (rolling.origins.count, known.min() ?? 0, known.max() ?? 0)
        let span = fewest == most ? "\(most)" : "\(fewest) to \(most)"
        return most == all && fewest == all ? "\(all) origins" : "\(span) of \(all) origins"
    }

    /// What to know before the scores are believed, a sentence each.
    var notes: [String] {
        var notes: [String] = []
        for (slots, horizon) in zip(rolling.slots, rolling.horizons) {
            let asked = rolling.settings.horizons.filter { $0.slots(of: rolling.series.step) == slots }
            guard asked != [horizon] else { continue }
            notes.append(
                "Asked for \(asked.map { spanText($0) }.joined(separator: ", ")): scored once, at \(spanText(horizon)), "
                    + "by the step of \(spanText(rolling.series.step)).")
        }
        if let fewest = rolling.known.min(), fewest < 100 {
            notes.append("Under 100 origins: differences between forecasters may be chance.")
        }
        return notes + rows.compactMap { row in row.note(of: rolling).map { "\(row.name): \($0)" } }
    }

    /// The forecaster whose forecasts are drawn and emitted: the first one, where it has a score.
    var shown: (name: String, score: ForecastScore, trial: RollingOrigin.Trial)? {
        guard let row = rows.first, case .scored(let score, let trial) = row.outcome else { return nil }
        return (row.name, score, trial)
    }

    /// What the shown forecaster said of the samples, as CSV: at each origin, the time of the last sample that was
    /// used, and for each horizon one row with the quantiles, named `p50` and so on.
    package var emitted: String {
        let names = rolling.settings.levels.map { "p" + Self.percent($0) }
        var rows = [(["origin_t_s", "h_s"] + names).joined(separator: ",")]
        guard let trial = shown?.trial else { return rows[0] + "\n" }
        for (origin, slot) in rolling.origins.enumerated() {
            let start = shortNumber(rolling.series.time(of: slot).secondsSince1970, decimals: 3)
            for (index, slots) in rolling.slots.enumerated() {
                guard let said = trial[index][origin]?.sample else { continue }
                let ahead = shortNumber((rolling.series.step * slots).seconds, decimals: 3)
                rows.append("\(start),\(ahead)," + said.map(\.description).joined(separator: ","))
            }
        }
        return rows.joined(separator: "\n") + "\n"
    }

    // MARK: Columns

    /// One number of every forecaster.
    struct Column: Sendable {
        var title: String
        var decimals = 3
        /// Of the largest one-minute mean instead of the sample.
        var target = ForecastTarget.sample
        /// Whether less is better, and under 1 better than the baseline.
        var isLoss = false
        var value: @Sendable (ForecastScore) -> Double?
    }

    /// The averages over the horizons, of the sample and then of the largest one-minute mean.
    var columns: [Column] {
        let levels = rolling.settings.levels.enumerated().filter { $0.element != 0.5 }
        func decimals(_ level: Double) -> Int { level > 0.95 ? 4 : 3 }
        var columns = [
            Column(title: "rMAE", isLoss: true) { $0.relativeMAE },
            Column(title: "MASE", isLoss: true) { $0.mase },
        ]
        columns += levels.map { index, level in
            Column(title: "rPB" + Self.percent(level), isLoss: true) { $0.relativePinball(index) }
        }
        columns += levels.map { index, level in
            Column(title: "cov" + Self.percent(level), decimals: decimals(level)) {
                $0.mean { $0.levels[index].coverage }
            }
        }
        if let (index, level) = levels.first(where: { $0.element >= 0.9 }) ?? levels.last {
            columns += [
                Column(title: "under" + Self.percent(level), decimals: 4) {
                    $0.mean { $0.levels[index].underProvision }
                },
                Column(title: "over" + Self.percent(level)) { $0.mean { $0.levels[index].overProvision } },
            ]
        }
        columns += levels.map { index, level in
            Column(title: "rPB" + Self.percent(level), target: .maximum, isLoss: true) {
                $0.relativePinball(index, of: .maximum)
            }
        }
        columns += levels.map { index, level in
            Column(title: "cov" + Self.percent(level), decimals: decimals(level), target: .maximum) {
                $0.mean(of: .maximum) { $0.levels[index].coverage }
            }
        }
        return columns
    }

    /// What a table of one target shows.
    func title(of target: ForecastTarget) -> String {
        let spans = rolling.horizons.map { spanText($0) }.joined(separator: ", ")
        return switch target {
        case .sample: "Samples \(spans) ahead, against the last value"
        case .maximum: "Largest one-minute mean within \(spans), against that of the last such span"
        }
    }

    /// What the columns mean, a sentence each.
    static let legend = [
        "rMAE, rPB: mean absolute error and pinball loss over those of the baseline with tracked quantiles; below 1 "
            + "is better. Averages over the horizons.",
        "MASE: mean absolute error over that of yesterday's sample while learning.",
        "cov: share at or under the quantile; under, over: what is short of it and in excess, as shares of all that "
            + "came.",
    ]

    /// `90` for 0.9, `99.9` for 0.999.
    static func percent(_ level: Double) -> String { shortNumber(level * 100, decimals: 3) }
}

/// With all of its decimals, as columns want it.
func fixedNumber(_ value: Double, decimals: Int) -> String {
    let short = shortNumber(value, decimals: decimals)
    guard value.isFinite, decimals > 0, value.magnitude < 1e12 else { return short }
    let parts = short.split(separator: ".")
    let digits = parts.count > 1 ? String(parts[1]) : ""
    return "\(parts[0]).\(digits)" + String(repeating: "0", count: max(0, decimals - digits.count))
}
