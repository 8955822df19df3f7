import Fleet
import Forecast
import TestSupport
import Testing

/// Two short recorded series, by the protocol of the published figures; `make bench` has all of them.
@Suite struct RecordedAccuracyTests {
    @Test(
        "the bank is as accurate as it was measured to be",
        .enabled(if: SharedFixtures.available && Tool("gzip") != nil, "needs ../shared and gzip"),
        arguments: [
            ("traces/azure2024_conv_week_15s.csv.gz", 0.77, 0.79, 0.83),
            ("fixtures/forecast/series/crane00_60s.csv.gz", 0.55, 0.40, 0.29),
        ])
    func accuracy(path: String, mae: Double, pinball90: Double, pinball99: Double) throws {
        let gzip = try #require(Tool("gzip"))
        let text = try gzip.run(["-dc"], input: SharedFixtures.bytes(path)).output
        let series = try SampleSeries(csv: Array(text.utf8))
        let rounds = try RollingOrigin(series)
        let bank = Forecaster(step: series.step, horizons: rounds.leads)
        let score = rounds.score(rounds.trial(of: bank), against: rounds.naive())
        let relative = try #require(score.relativeMAE)
        #expect(relative <= mae)
        #expect(try #require(score.relativePinball(1)) <= pinball90)
        #expect(try #require(score.relativePinball(2)) <= pinball99)
        let coverage = try (1...2).map { level in try #require(score.mean { $0.levels[level].coverage }) }
        #expect(abs(coverage[0] - 0.9) < 0.015 && abs(coverage[1] - 0.99) < 0.012)
        #expect((0.87...0.93).contains(try #require(score.mean(of: .maximum) { $0.levels[1].coverage })))
    }
}
