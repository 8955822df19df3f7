import Fleet
import Forecast
import TestSupport

import func Glibc.sin

/// Made-up traffic with a day's rhythm on the wall clock, and noise like that of counted requests.
struct ForecastTraffic {
    var clock = CivilClock.utc
    var mean = 100.0
    /// How far the day's waves reach, as a share of the mean.
    var swing = 0.7
    var noise = 1.0
    var step: Duration = .seconds(60)
    /// A Monday.
    var start = Timestamp(millisecondsSince1970: 1_773_014_400_000)

    func series(days: Double, seed: UInt64 = 1) -> SampleSeries {
        var random = SeededGenerator(seed: seed)
        let count = Int(days * 86_400 / step.seconds)
        return SampleSeries(
            start: start, step: step, values: (0..<count).map { slot in value(at: start + step * slot, &random) })
    }

    private func value(at moment: Timestamp, _ random: inout SeededGenerator) -> Double {
        let turn = 2 * Double.pi * Double(clock.secondOfDay(at: moment)) / 86_400
        let usual = mean * (1 + swing * (sin(turn) + 0.3 * sin(4 * turn)) / 1.3)
        let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
        return max(0, usual + noise * normal * usual.squareRoot())
    }
}

extension Forecaster {
    /// A bank with a few horizons, which is enough for most tests.
    init(_ series: SampleSeries, settings: ForecastSettings = ForecastSettings(), minutes: [Int] = [1, 5, 15]) {
        self.init(settings: settings, step: series.step, horizons: minutes.map { .seconds($0 * 60) })
    }

    /// Feeds a series and hands back what was forecast after each of its slots, or after some of them only.
    mutating func run(_ series: SampleSeries, over lead: Duration, asked: Range<Int>? = nil) -> [DemandForecast?] {
        run(series, over: [lead], asked: asked)[0]
    }

    /// The same for several lead times.
    mutating func run(_ series: SampleSeries, over leads: [Duration], asked: Range<Int>? = nil) -> [[DemandForecast?]] {
        var said = leads.map { _ in [DemandForecast?]() }
        for slot in series.values.indices {
            observe(series.values[slot], at: series.time(of: slot))
            for (index, lead) in leads.enumerated() {
                said[index].append(asked?.contains(slot) == false ? nil : forecast(over: lead))
            }
        }
        return said
    }
}

/// How far the medians lay from what came, on the mean over some slots; slots without either do not count.
func absoluteError(_ said: [DemandForecast?], _ series: SampleSeries, lead: Duration, slots: Range<Int>) -> Double {
    let ahead = Int(lead.seconds / series.step.seconds)
    let errors = slots.compactMap { slot -> Double? in
        guard slot + ahead < series.values.count, let came = series.values[slot + ahead], let forecast = said[slot]
        else { return nil }
        return abs(came - forecast.sample[0])
    }
    return errors.reduce(0, +) / Double(max(errors.count, 1))
}
