import Forecast
import FoundationEssentials
import TestSupport
import Testing

/// The golden files of the forecasts, in the repository or where `FORECAST_GOLDEN` says.
private func golden<Value: Decodable>(_ name: String) throws -> Value {
    let folder =
        ProcessInfo.processInfo.environment["FORECAST_GOLDEN"]
        ?? SharedFixtures.repositoryRoot + "/Tests/Fixtures/forecast"
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(filePath: folder + "/" + name)))
}

private func expect(_ found: Double?, _ expected: Double, within tolerance: Double = 1e-12) throws {
    let found = try #require(found)
    #expect(abs(found - expected) <= tolerance * max(1, abs(expected)), "\(found) is not \(expected)")
}

@Suite struct AccuracyTests {
    private struct Case: Decodable {
        var train, y, forecast, lo, hi: [Double]
        var season: Int
        var mae, rmse, mape, smape, mase_season24, mase_season1, coverage_lo_hi: Double
        var pinball10, pinball50, pinball90, pinball99: Double

        enum CodingKeys: String, CodingKey {
            case train, y, forecast, lo, hi, season, mae, rmse, mape, smape, mase_season24, mase_season1
            case coverage_lo_hi
            case pinball10 = "pinball_0.1"
            case pinball50 = "pinball_0.5"
            case pinball90 = "pinball_0.9"
            case pinball99 = "pinball_0.99"
        }
    }

    @Test("every measure is as the golden file has it")
    func measures() throws {
        let one: Case = try golden("metrics.json")
        try expect(Accuracy.mae(one.y, one.forecast), one.mae)
        try expect(Accuracy.rmse(one.y, one.forecast), one.rmse)
        try expect(Accuracy.mape(one.y, one.forecast), one.mape)
        try expect(Accuracy.smape(one.y, one.forecast), one.smape)
        for (season, expected) in [(24, one.mase_season24), (1, one.mase_season1)] {
            let scale = Accuracy.seasonalNaive(one.train, season: season)
            try expect(Accuracy.mase(one.y, one.forecast, scale: scale), expected)
        }
        for (level, expected) in [
            (0.1, one.pinball10), (0.5, one.pinball50), (0.9, one.pinball90), (0.99, one.pinball99),
        ] {
            try expect(Accuracy.pinball(one.y, one.forecast, level: level), expected)
        }
        let (over, notUnder) = (
            try #require(Accuracy.coverage(one.y, one.hi)), try #require(Accuracy.coverage(one.lo, one.y))
        )
        try expect(over + notUnder - 1, one.coverage_lo_hi)
    }

    @Test("under- and over-provision are shares of what came")
    func provision() {
        #expect(Accuracy.underProvision([10, 20, 10], [12, 15, 10]) == 5.0 / 40)
        #expect(Accuracy.overProvision([10, 20, 10], [12, 15, 10]) == 2.0 / 40)
        #expect(Accuracy.coverage([10, 20, 10], [12, 15, 10]) == 2.0 / 3)
    }

    @Test("nothing is known of no pairs, and zeros do not divide")
    func nothing() {
        #expect(Accuracy.mae([], []) == nil && Accuracy.coverage([], []) == nil)
        #expect(Accuracy.mape([0], [1]) == nil && Accuracy.underProvision([0], [0]) == nil)
        #expect(Accuracy.smape([0, 0], [0, 1]) == 0.5)
        #expect(Accuracy.mase([1], [2], scale: 0) == nil)
    }
}

@Suite struct SampleQuantileTests {
    private struct Case: Decodable {
        var x, p, type1, type6, type7, type8: [Double]
    }

    @Test("quantiles are as R has them", arguments: ["short", "ties", "mid", "neg"])
    func types(name: String) throws {
        let cases: [String: Case] = try golden("quantiles.json")
        let one = try #require(cases[name])
        let sorted = one.x.sorted()
        for (type, expected) in [
            (SampleQuantile.inverse, one.type1), (.weibull, one.type6), (.linear, one.type7),
            (.medianUnbiased, one.type8),
        ] {
            for (probability, value) in zip(one.p, expected) {
                try expect(type.value(probability, of: sorted), value, within: 1e-11)
            }
        }
        #expect(one.p.count == one.type8.count && one.p.count > 5)
    }

    @Test("an empty sample has no quantile") func empty() {
        for type in SampleQuantile.allCases { #expect(type.value(0.5, of: []) == nil) }
    }
}
