import Fleet
import Forecast
import Testing

/// Our fits against what R's and statsmodels' optimisers reach from the same start states.
@Suite struct HoltWintersFitTests {
    @Test("no peer fits better", arguments: try GoldenSeries.names("opt"))
    func reaches(file: String) throws {
        let golden = try GoldenSeries.read(file)
        var compared = 0
        for (name, record) in golden.records {
            let bestKnown =
                record.numbers["best_known_sse"] ?? (name.hasSuffix("_heuristic") ? record.numbers["sse"] : nil)
            guard let bestKnown else { continue }
            let structure = HoltWinters.Structure(
                form: name.hasPrefix("sm_") ? .hyndman : .winters,
                trend: name.contains("damped") ? .damped : record.numbers["b0"] == nil ? .none : .linear,
                seasonality: name.contains("_mul") ? .multiplicative : .additive,
                seasonLength: record.lists["s0"]?.count ?? 1)
            let start = HoltWinters.Start(
                level: try #require(record.numbers["l0"]), trend: record.numbers["b0"] ?? 0,
                season: record.lists["s0"] ?? [0],
                first: (record.numbers["first"].map { Int($0) } ?? 1) - 1)
            let fit = try HoltWinters.fit(structure, to: golden.y, from: start)
            #expect(fit.squaredError <= 1.0001 * bestKnown, "\(file) \(name): \(fit.squaredError / bestKnown)")
            let replayed = squaredError(fit.model, golden.y.dropFirst(fit.first))
            #expect(abs(replayed - fit.squaredError) <= 1e-9 * replayed, "\(file) \(name): the fast pass differs")
            compared += 1
        }
        #expect(compared >= 5)
    }

    @Test("R's own start states", arguments: ["R_ses", "R_holt", "R_hw_additive", "R_hw_multiplicative"])
    func starts(name: String) throws {
        for file in try GoldenSeries.names("opt") {
            let golden = try GoldenSeries.read(file)
            guard let record = golden.records[name] else { continue }
            let structure = HoltWinters.Structure(
                trend: name == "R_ses" ? .none : .linear,
                seasonality: name.contains("mul") ? .multiplicative : .additive,
                seasonLength: record.lists["s0"]?.count ?? 1)
            let fit = try HoltWinters.fit(structure, to: golden.y, passes: 10)
            let scale = 1e-8 * (golden.y.max() ?? 0)
            #expect(fit.first + 1 == record.numbers["first"].map { Int($0) })
            #expect(abs(fit.model.level - (record.numbers["l0"] ?? .nan)) <= scale, "\(file)")
            #expect(abs(fit.model.trend - (record.numbers["b0"] ?? 0)) <= scale, "\(file)")
            for (found, expected) in zip(fit.model.seasonAhead, record.lists["s0"] ?? [0]) {
                #expect(abs(found - expected) <= (name.contains("mul") ? 1e-8 : scale), "\(file)")
            }
        }
    }

    @Test("R's dshw fits no better")
    func doubleSeasonal() throws {
        let golden = try GoldenSeries.read("opt_taylor4w.json")
        let bestKnown = try #require(golden.records["R_dshw_ar1"]?.numbers["mse"])
        let fit = try DoubleSeasonal.fit(shortSeason: 48, longSeason: 336, to: golden.y, correctsErrors: true)
        #expect(fit.meanSquaredError <= bestKnown, "\(fit.meanSquaredError / bestKnown)")
        #expect(fit.model.smoothing.phi > 0)
        let replayed = squaredError(fit.model, golden.y[...]) / Double(golden.y.count)
        #expect(abs(replayed - fit.meanSquaredError) <= 1e-9 * replayed)
        let plain = try DoubleSeasonal.fit(shortSeason: 48, longSeason: 336, to: golden.y, correctsErrors: false)
        #expect(plain.model.smoothing.phi == 0 && plain.meanSquaredError > fit.meanSquaredError)
    }

    @Test(
        "what cannot be fitted is an error",
        arguments: [
            (ClassicMethod.simple, [1], FitError.tooShort(found: 1, needed: 2)),
            (.holt, [1, 2], .tooShort(found: 2, needed: 3)),
            (.additive, [nil, 1, 2, 3, 4, 5, 6, 7, nil], .tooShort(found: 7, needed: 8)),
            (.multiplicative, [1, 2, 3, 0, 1, 2, 3, 4, 5], .notPositive(slot: 3)),
            (.double, [1, 2, 3, 4, 5, 6, 7, 8], .tooShort(found: 8, needed: 56)),
            (.simple, [], .tooShort(found: 0, needed: 2)),
            (.holt, [1e200, 2e200, -1e200, 1e200], .notFinite),
        ] as [(ClassicMethod, [Double?], FitError)])
    func errors(method: ClassicMethod, values: [Double?], expected: FitError) {
        let series = SampleSeries(start: epoch, step: .seconds(21_600), values: values)
        #expect(throws: expected) { try method.fitted(to: series) }
    }

    @Test("two seasons are enough", arguments: [ClassicMethod.additive, .multiplicativeDamped])
    func twoSeasons(method: ClassicMethod) throws {
        let series = SampleSeries(start: epoch, step: .seconds(21_600), values: [1, 2, 5, 2, 1, 2, 5, 2])
        let found = try #require(try method.fitted(to: series).point(after: .seconds(3 * 21_600)))
        #expect(abs(found - 5) < 0.5)
    }

    @Test("twice the samples: the same smoothing, four times the squared error")
    func scaling() throws {
        let golden = try GoldenSeries.read("opt_jj.json")
        let structure = HoltWinters.Structure(trend: .damped, seasonality: .multiplicative, seasonLength: golden.m)
        let plain = try HoltWinters.fit(structure, to: golden.y)
        let scaled = try HoltWinters.fit(structure, to: golden.y.map { 2 * $0 })
        #expect(scaled.model.smoothing == plain.model.smoothing)
        #expect(scaled.squaredError == 4 * plain.squaredError)
    }

    @Test("a series that never changes is fitted without error", arguments: [0, 7.5])
    func constant(value: Double) throws {
        let fit = try HoltWinters.fit(
            HoltWinters.Structure(trend: .damped, seasonLength: 4), to: Array(repeating: value, count: 20))
        #expect(fit.squaredError == 0 && fit.model.point(steps: 3) == value)
    }

    @Test("a season that is no whole number of slots is an error", arguments: [7.0, 86_400, 43_201])
    func unsuitable(step: Double) {
        let series = SampleSeries(start: epoch, step: .seconds(step), values: Array(repeating: 1, count: 100))
        #expect(throws: FitError.unsuitableSeason) { try ClassicMethod.additive.fitted(to: series) }
    }

    @Test("gaps are filled in a straight line for the fit, and time passes after the last sample")
    func gaps() throws {
        let values = (0..<30).map { slot in [0, 5, 11, 12, 13, 28, 29].contains(slot) ? nil : 3 + 2 * Double(slot) }
        let series = SampleSeries(start: epoch, step: .seconds(15), values: values)
        let forecaster = try ClassicMethod.holt.fitted(to: series)
        let found = try #require(forecaster.point(after: .seconds(30)))
        #expect(abs(found - (3 + 2 * 31)) < 1e-9)
    }

    @Test("every method learns a day that repeats, over gaps", arguments: ClassicMethod.allCases)
    func learns(method: ClassicMethod) throws {
        // Six slots a day, growing by 6 a day; one slot is missing here and there, and the last two.
        let shape = [10.0, 20, 40, 60, 50, 30]
        let truth = { (slot: Int) in 100 + Double(slot) + shape[slot % 6] }
        let values = (0..<112).map { slot in slot % 17 == 3 || slot >= 110 ? nil : truth(slot) }
        let series = SampleSeries(start: epoch, step: .seconds(14_400), values: values)
        var forecaster = try method.fitted(to: series)
        forecaster.observe(truth(112), at: series.time(of: 112))
        let found = try #require(forecaster.point(after: .seconds(4 * 14_400)))
        switch method {
        case .additive, .additiveDamped: #expect(abs(found - truth(116)) <= 12, "\(found)")
        case .multiplicative, .multiplicativeDamped, .double, .doubleCorrected:
            #expect(abs(found - truth(116)) < 30, "\(found)")
        case .simple, .holt, .dampedHolt: #expect(found > 0)
        }
    }

    private func squaredError(_ model: HoltWinters, _ values: ArraySlice<Double>) -> Double {
        var model = model
        return values.reduce(0) { sum, sample in
            defer { model.observe(sample) }
            return sum + (sample - model.point(steps: 1)) * (sample - model.point(steps: 1))
        }
    }

    private func squaredError(_ model: DoubleSeasonal, _ values: ArraySlice<Double>) -> Double {
        var model = model
        return values.reduce(0) { sum, sample in
            defer { model.observe(sample) }
            return sum + (sample - model.point(steps: 1)) * (sample - model.point(steps: 1))
        }
    }

    private let epoch = Timestamp(millisecondsSince1970: 0)
}
