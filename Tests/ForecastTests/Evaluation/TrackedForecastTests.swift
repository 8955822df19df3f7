import Fleet
import Forecast
import Testing

@Suite struct TrackedForecastTests {
    private let start = Timestamp(millisecondsSince1970: 0)

    @Test("the season comes again, also over a gap")
    func seasonal() {
        var naive = LastSeason(step: .seconds(900), season: .seconds(3600))
        #expect(naive.point(after: .seconds(900)) == nil)
        for value in [1, 2, nil, 8, 5] as [Double?] { naive.observe(value, at: start) }
        // The season is 2, 5, 8, 5 now: the gap is filled half way.
        #expect([900, 1800, 2700, 3600, 4500].map { naive.point(after: .seconds($0)) } == [2, 5, 8, 5, 2])
        for value in [Double?](repeating: nil, count: 9) { naive.observe(value, at: start) }
        #expect(naive.point(after: .seconds(900)) == 5)
        naive.observe(16, at: start)
        // The gap is longer than the season: what of the line lies in it.
        #expect([900, 1800, 2700, 3600].map { naive.point(after: .seconds($0)) } == [12.7, 13.8, 14.9, 16])
    }

    @Test("nothing is said before an error is known, nor of leads that were not asked for")
    func silence() {
        var model = TrackedForecast(
            LastValue(), step: .seconds(60), horizons: [.seconds(120)], levels: [0.5, 0.9])
        #expect(model.forecast(over: .seconds(120)) == nil)
        for value in [10.0, 10] { model.observe(value, at: start) }
        #expect(model.forecast(over: .seconds(120)) == nil)
        model.observe(12, at: start)
        #expect(model.forecast(over: .seconds(120))?.sample[0] == 12)
        #expect(model.forecast(over: .seconds(60)) == nil)
    }

    @Test("quantiles of sample and maximum cover what they should")
    func coverage() throws {
        let lead = Duration.seconds(300)
        var model = TrackedForecast(LastValue(), step: .seconds(15), horizons: [lead], levels: [0.5, 0.9])
        var state: UInt64 = 1
        var values: [Double] = []
        var said: [DemandForecast?] = []
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            values.append(100 + Double((state >> 33) % 100))
            model.observe(values.last, at: start)
            said.append(model.forecast(over: lead))
        }
        var (sample, maximum) = (0, 0)
        for slot in 1000..<values.count - 20 {
            let forecast = try #require(said[slot])
            let means = (slot + 1...slot + 20).map { values[($0 - 3)...$0].reduce(0, +) / 4 }
            sample += values[slot + 20] <= forecast.sample[1] ? 1 : 0
            maximum += try #require(means.max()) <= forecast.maximum[1] ? 1 : 0
        }
        let count = Double(values.count - 1020)
        #expect(abs(Double(sample) / count - 0.9) < 0.01)
        #expect(abs(Double(maximum) / count - 0.9) < 0.01)
    }

    @Test("quantiles are never below 0")
    func floor() {
        var model = TrackedForecast(LastValue(), step: .seconds(60), horizons: [.seconds(60)], levels: [0.1, 0.5])
        for value in [0.0, 50, 0, 50, 0] { model.observe(value, at: start) }
        #expect(model.forecast(over: .seconds(60))?.sample[0] == 0)
    }
}
