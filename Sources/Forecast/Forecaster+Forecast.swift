import Fleet

import func Glibc.log

extension Forecaster {
    /// `nil` before the first sample, and when there was none for a quarter of an hour, or for the lead time where that is
    /// longer. Beyond the longest horizon, what is said holds for that one, and so does `lead` of the answer.
    package func forecast(over lead: Duration) -> DemandForecast? {
        let lead = lead.wholeMilliseconds
        guard let last, let upper = upperHead(lead), stepMilliseconds * Int64(slot - seen) <= max(lead, Self.freshness),
            let near = statement(of: max(0, upper - 1)), let far = statement(of: upper)
        else { return nil }
        let reach = min(max(lead, milliseconds(0)), milliseconds(upper))
        let span = Double(reach) / Double(stepMilliseconds)
        let share = upper == 0 ? 1 : log(span / near.horizon) / log(far.horizon / near.horizon)
        func between(_ near: Double, _ far: Double) -> Double { near + share * (far - near) }
        let end = later(last, reach)
        return DemandForecast(
            lead: .milliseconds(reach), levels: settings.levels,
            sample: limited(times: settings.calendar.multiplier(at: end)) { index, level in
                between(near.sample(index, level), far.sample(index, level))
            },
            maximum: limited(times: settings.calendar.largestMultiplier(after: last, through: end)) { index, _ in
                between(near.maximum(index), far.maximum(index))
            })
    }

    /// How good forecasts this far ahead have been; `nil` without horizons.
    package func skill(over lead: Duration) -> ForecastSkill? {
        upperHead(lead.wholeMilliseconds).map { heads[$0].rivals.skill(lead: horizons[$0]) }
    }

    private func milliseconds(_ head: Int) -> Int64 { Int64(heads[head].horizon) * stepMilliseconds }

    /// The head with the shortest horizon that reaches so far, or the last one; `nil` without heads.
    private func upperHead(_ lead: Int64) -> Int? {
        heads.indices.first { milliseconds($0) >= lead } ?? heads.indices.last
    }

    private func statement(of head: Int) -> Statement? {
        let ring = heads[head].issued
        return ring.find(slot).map {
            let issued = Issued(ring, at: $0)
            return Statement(
                horizon: Double(heads[head].horizon), point: issued.point, scale: issued.sampleScale,
                thresholds: heads[head].sample.thresholds, numbers: ring.numbers, place: $0 + Issued.width,
                stabiliser: stabiliser ?? VarianceStabiliser(unit: 0))
        }
    }

    /// What one head says of the future in the latest slot, in units of demand.
    private struct Statement {
        /// In slots.
        let horizon: Double
        let point: Double
        /// Of the errors of the sample; 0 while nothing is known of them.
        let scale: Double
        let thresholds: [Double]
        /// Hold the quantiles of the maximum, from `place` on.
        let numbers: Packed<Float>
        let place: Int
        let stabiliser: VarianceStabiliser

        func sample(_ index: Int, _ level: Double) -> Double {
            // While nothing is known of errors, anything up to twice the point is thought possible.
            scale > 0
                ? stabiliser.value(point + scale * thresholds[index]) : 2 * level * stabiliser.value(point)
        }

        func maximum(_ index: Int) -> Double { stabiliser.value(Double(numbers[place + index])) }
    }

    /// Puts quantiles in order, keeps them near what the last three days had, and lets events multiply them.
    private func limited(times multiplier: Double, _ quantile: (Int, Double) -> Double) -> [Double] {
        var floor = 0.0
        return settings.levels.indices.map { index in
            let level = settings.levels[index]
            let (bound, value) = ((level <= 0.9 ? 1.5 : 3) * peak.value, quantile(index, level))
            let kept = value < bound ? value : bound
            if kept > floor { floor = kept }
            return floor * multiplier
        }
    }
}
