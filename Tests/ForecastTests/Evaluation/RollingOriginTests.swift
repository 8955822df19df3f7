import Fleet
import Forecast
import Testing

@Suite struct RollingOriginTests {
    /// A daily wave of 50 to 250 with noise, jobs that come every 97 slots, and a sample in 50 missing.
    private static func series(step: Int, days: Double) -> SampleSeries {
        let day = 86_400 / step
        var state = 12_345
        let values = (0..<Int(86_400 / Double(step) * days)).map { slot -> Double? in
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
            let wave = abs(slot % day * 2 - day) * 100 / day
            let value = 50 + (100 - wave) * 2 + (state >> 16) % 40 + (slot % 97 < 5 ? 60 : 0)
            return (state >> 8) % 50 == 0 && slot > 0 ? nil : Double(value)
        }
        return SampleSeries(
            start: Timestamp(millisecondsSince1970: 0), step: .seconds(step), values: values)
    }

    struct Expected: Sendable {
        var step: Int
        var days: Double
        var testDays: Double?
        var origins: Int
        /// rMAE, MASE, rPB90, rPB99, cov90, cov99, under, over.
        var naive: [Double]
        var seasonal: [Double]
        /// cov90, cov99, rPB90, rPB99 of the largest one-minute mean.
        var maximum: [Double]?
    }

    /// The reference is a Python script of the same protocol, which was run on the same series as CSV with its peers
    /// `naive` and `snaive`; its JSON has these digits (in steps of 300 s, with horizons of 5, 10 and 15 minutes). The maximum is from the same recurrence written with pandas'
    /// rolling windows, of the tracked last value against the tracked last window's maximum.
    @Test(
        "naive forecasts score what the reference has printed",
        arguments: [
            Expected(
                step: 60, days: 5.5, origins: 1255,
                naive: [1, 0.9977659, 1, 1, 0.8934556, 0.9829505, 0.0113316, 0.1634864],
                seasonal: [1.0062077, 1.0027024, 0.9970738, 0.9492962, 0.9031677, 0.9833548, 0.0107229, 0.1672875],
                maximum: [0.8917749131, 0.9764835228, 0.968005839, 0.9445732233]),
            Expected(
                step: 60, days: 5.5, testDays: 1, origins: 355,
                naive: [1, 1.0107284, 1, 1, 0.8956467, 0.9764142, 0.012179, 0.1643594],
                seasonal: [1.0071462, 1.016774, 0.9790205, 0.9237305, 0.9077814, 0.9771224, 0.0103904, 0.174428]),
            Expected(
                step: 300, days: 6, origins: 860,
                naive: [1, 0.9681419, 1, 1, 0.8983452, 0.9810875, 0.0072442, 0.1505326],
                seasonal: [1.0365398, 1.0018194, 1.0960366, 1.0730343, 0.8873128, 0.9732072, 0.0095685, 0.1489876],
                maximum: [0.8883739565, 0.9820531455, 1.031161921, 0.9747453221]),
            Expected(
                step: 15, days: 4.2, origins: 663,
                naive: [1, 1.0264483, 1, 1, 0.897056, 0.9896363, 0.0112314, 0.1723126],
                seasonal: [0.957128, 0.9824762, 0.9866943, 1.0104885, 0.9040458, 0.9892404, 0.0107538, 0.1729814],
                maximum: [0.8902714932, 0.9837858221, 0.8065539003, 0.8817511443]),
        ])
    func reference(expected: Expected) throws {
        let series = Self.series(step: expected.step, days: expected.days)
        var settings = RollingOrigin.Settings()
        settings.testDays = expected.testDays
        let rolling = try RollingOrigin(series, settings: settings)
        #expect(rolling.origins.count == expected.origins)
        let naive = rolling.naive()
        let levels = settings.levels
        let seasonal = rolling.trial(
            of: TrackedForecast(
                LastSeason(step: series.step), step: series.step, horizons: rolling.leads, levels: levels))
        for (trial, expected) in [(naive, expected.naive), (seasonal, expected.seasonal)] {
            let score = rolling.score(trial, against: naive)
            expect(
                [
                    score.relativeMAE, score.mase, score.relativePinball(1), score.relativePinball(2),
                    score.mean { $0.levels[1].coverage }, score.mean { $0.levels[2].coverage },
                    score.mean { $0.levels[1].underProvision }, score.mean { $0.levels[1].overProvision },
                ], expected)
        }
        if let maximum = expected.maximum {
            let last = rolling.trial(
                of: TrackedForecast(LastValue(), step: series.step, horizons: rolling.leads, levels: levels))
            let score = rolling.score(last, against: naive)
            expect(
                [
                    score.mean(of: .maximum) { $0.levels[1].coverage },
                    score.mean(of: .maximum) { $0.levels[2].coverage },
                    score.relativePinball(1, of: .maximum), score.relativePinball(2, of: .maximum),
                ], maximum)
        }
    }

    private func expect(_ found: [Double?], _ expected: [Double]) {
        for (found, expected) in zip(found, expected) {
            #expect(abs((found ?? .nan) - expected) < 2e-7, "\(String(describing: found)) is not \(expected)")
        }
        #expect(found.count == expected.count)
    }

    @Test("a forecaster is asked for the past only, and of every slot once")
    func noLookAhead() throws {
        struct Counting: ForecastModel {
            var seen = 0
            mutating func observe(_ sample: Double?, at now: Timestamp) { seen += 1 }
            func forecast(over lead: Duration) -> DemandForecast? {
                DemandForecast(
                    lead: lead, levels: [0.5, 0.9, 0.99], sample: Array(repeating: Double(seen), count: 3), maximum: [])
            }
        }
        let rolling = try RollingOrigin(Self.series(step: 60, days: 3))
        let trial = rolling.trial(of: Counting())
        for said in trial {
            #expect(said.map { $0?.sample[0] } == rolling.origins.map { Double($0 + 1) })
        }
    }

    @Test("a series too short for the protocol says what is needed")
    func tooShort() throws {
        let (minute, day) = (Duration.seconds(60), Duration.seconds(86_400))
        func fails(days: Double, testDays: Double? = nil) throws -> NotScorable {
            var settings = RollingOrigin.Settings()
            settings.testDays = testDays
            return try #require(throws: NotScorable.self) {
                try RollingOrigin(Self.series(step: 60, days: days), settings: settings)
            }
        }
        // Two days, 5 minutes, the longest horizon and one step more.
        #expect(try fails(days: 1.5) == .tooShort(minute * 2160, needed: day * 2 + minute * 21, test: 0.5))
        #expect(
            try fails(days: 2 + 20 / 1440) == .tooShort(day * 2 + minute * 20, needed: day * 2 + minute * 21, test: 0.7)
        )
        #expect(try RollingOrigin(Self.series(step: 60, days: 2 + 21 / 1440)).origins.count == 1)
        #expect(try fails(days: 1.5, testDays: 2) == .tooShort(minute * 2160, needed: day * 2 + minute * 21, test: 0.5))
        #expect(try fails(days: 10 / 1440) == .tooShort(minute * 10, needed: day * 2 + minute * 21, test: nil))
        #expect(try fails(days: 5, testDays: 20 / 1440) == .testTooShort(minute * 20, needed: minute * 21))

        var settings = RollingOrigin.Settings()
        settings.testDays = 0.5
        let rolling = try RollingOrigin(Self.series(step: 60, days: 1.5), settings: settings)
        #expect(rolling.test == 1440..<2160 && rolling.seasonalError == nil)
    }

    @Test("any number of days that is suggested can be scored", arguments: [22, 23, 40, 100, 1000, 2900])
    func suggested(minutes: Int) throws {
        let series = Self.series(step: 60, days: (Double(minutes) + 0.1) / 1440)
        let error = try #require(throws: NotScorable.self) { try RollingOrigin(series) }
        guard case .tooShort(_, _, let days?) = error else { return #expect(Bool(false), "\(error)") }
        var settings = RollingOrigin.Settings()
        settings.testDays = days
        #expect(try !RollingOrigin(series, settings: settings).origins.isEmpty)
    }

    @Test(
        "horizons that fall on one step are scored once",
        arguments: [(1800, [1]), (300, [1, 2, 3]), (60, [3, 5, 10, 15])])
    func steps(step: Int, slots: [Int]) throws {
        let rolling = try RollingOrigin(Self.series(step: step, days: 9))
        #expect(rolling.slots == slots)
        #expect(rolling.leads == slots.map { .seconds($0 * step) })
        let naive = rolling.naive()
        #expect(rolling.score(naive, against: naive).horizons.map(\.horizon) == rolling.leads)
    }

    @Test("what did not come is not scored, and not learned from")
    func missing() throws {
        var series = Self.series(step: 300, days: 6)
        let half = series.values.count / 2
        for slot in half..<half + 300 { series.values[slot] = nil }
        let rolling = try RollingOrigin(series)
        let naive = rolling.naive()
        #expect(rolling.score(naive, against: naive).horizons.map(\.sample.count) == rolling.known)
        #expect(rolling.known.allSatisfy { $0 < rolling.origins.count - 60 && $0 > 400 })
        for slot in half..<series.values.count { series.values[slot] = nil }
        #expect(throws: NotScorable.nothingCame(origins: rolling.origins.count)) { try RollingOrigin(series) }
        series.values = Array(repeating: nil, count: half) + Self.series(step: 300, days: 3).values
        #expect(try RollingOrigin(series).seasonalError == nil)
    }

    @Test("where naive has as good as no loss there is nothing to compare with", arguments: [0, 7, 1e12])
    func negligible(value: Double) throws {
        var series = Self.series(step: 300, days: 6)
        series.values = series.values.map { _ in value }
        let rolling = try RollingOrigin(series)
        let seasonal = rolling.trial(
            of: TrackedForecast(
                LastSeason(step: series.step), step: series.step, horizons: rolling.leads, levels: [0.5, 0.9, 0.99]))
        let score = rolling.score(seasonal, against: rolling.naive())
        #expect(score.relativeMAE == nil && score.relativePinball(1) == nil)
        #expect(score.relativePinball(2, of: .maximum) == nil && score.mean { $0.mae } == 0)
    }

    @Test("a forecaster that says nothing has no score")
    func silent() throws {
        struct Silent: ForecastModel {
            mutating func observe(_ sample: Double?, at now: Timestamp) {}
            func forecast(over lead: Duration) -> DemandForecast? { nil }
        }
        let rolling = try RollingOrigin(Self.series(step: 300, days: 5))
        let score = rolling.score(rolling.trial(of: Silent()), against: rolling.naive())
        #expect(score.relativeMAE == nil && score.mase == nil && score.horizons[0].sample.count == 0)
    }
}
