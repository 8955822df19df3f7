import Forecast
import Testing

/// Every number of every golden file with given parameters, to 1e-8 of the largest value beside it.
@Suite struct HoltWintersGoldenTests {
    @Test("R, ets and statsmodels compute the same", arguments: try GoldenSeries.names("fixed"))
    func fixed(file: String) throws {
        let golden = try GoldenSeries.read(file)
        #expect(golden.records.count >= 9)
        for (name, record) in golden.records {
            let check = Check(place: "\(file) \(name)", scale: golden.y.lazy.map(abs).max() ?? 1)
            switch name {
            case "R_snaive": continue
            case "R_dshw", "R_dshw_ar1": try doubleSeasonal(record, golden, check)
            default: try holtWinters(name, record, golden, check)
            }
        }
    }

    private func holtWinters(
        _ name: String, _ record: GoldenSeries.Record, _ golden: GoldenSeries, _ check: Check
    ) throws {
        var model = try HoltWinters(golden: record, name: name)
        let statesBefore = name.hasPrefix("R_") && !name.hasPrefix("R_ets")
        var run = Run()
        for sample in golden.y.dropFirst((record.numbers["first"].map { Int($0) } ?? 1) - 1) {
            if statesBefore { run.record(model, season: model.seasonAhead.first) }
            run.forecast.append(model.point(steps: 1))
            run.errors.append(sample - model.point(steps: 1))
            model.observe(sample)
            if !statesBefore { run.record(model, season: model.seasonAhead.last) }
        }
        check.long(run.forecast, record, record.lists.keys.contains { $0.hasPrefix("xhat") } ? "xhat" : "fitted")
        check.long(run.level, record, "level")
        check.long(run.trend, record, "trend")
        // Factors of a multiplicative season are about 1.
        check.scaled(to: model.seasonality == .additive ? check.scale : 1).long(run.season, record, "season")
        let squares = run.errors.reduce(0) { $0 + $1 * $1 }
        let sse = try #require(record.numbers["sse"])
        check.scaled(to: sse).equal([squares], [sse], "sse")
        let forecast = try #require(record.lists["forecast"])
        check.equal(forecast.indices.map { model.point(steps: $0 + 1) }, forecast, "forecast")
        checkFinal(model, record, check)
        if let upper = record.lists["upper80"] {
            let mean = run.errors.reduce(0, +) / Double(run.errors.count)
            let spread = run.errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(run.errors.count - 1)
            let quantiles = { (probability: Double) in
                upper.indices.map {
                    model.quantile(probability, steps: $0 + 1, errorVariance: record.numbers["sigma2"] ?? spread)
                        ?? .nan
                }
            }
            check.equal(quantiles(0.9), upper, "upper80")
            if let upper = record.lists["upper98"] { check.equal(quantiles(0.99), upper, "upper98") }
            if let lower = record.lists["lower80"] { check.equal(quantiles(0.1), lower, "lower80") }
        }
    }

    private func checkFinal(_ model: HoltWinters, _ record: GoldenSeries.Record, _ check: Check) {
        if let names = record.names, let final = record.lists["final"] {
            let season = Array(final.dropFirst(names.contains("b") ? 2 : 1).reversed())
            check.equal([model.level], [final[0]], "final level")
            if names.contains("b") { check.equal([model.trend], [final[1]], "final trend") }
            if !season.isEmpty { check.equal(model.seasonAhead, season, "final season") }
        } else if let level = record.numbers["final.a"] {
            let season = (1...model.seasonAhead.count).compactMap { record.numbers["final.s\($0)"] }
            check.equal([model.level], [level], "final level")
            if let trend = record.numbers["final.b"] { check.equal([model.trend], [trend], "final trend") }
            if !season.isEmpty {
                let scale = model.seasonality == .additive ? check.scale : 1
                check.scaled(to: scale).equal(model.seasonAhead, season, "final season")
            }
        }
    }

    private func doubleSeasonal(_ record: GoldenSeries.Record, _ golden: GoldenSeries, _ check: Check) throws {
        let start = DoubleSeasonal.Start(
            level: try #require(record.numbers["l0"]), trend: try #require(record.numbers["b0"]),
            short: try #require(record.lists["s1"]),
            long: try #require(record.lists["s2"]))
        let smoothing = DoubleSeasonal.Smoothing(
            alpha: try #require(record.numbers["alpha"]), beta: try #require(record.numbers["beta"]),
            gamma: try #require(record.numbers["gamma"]),
            omega: try #require(record.numbers["omega"]), phi: try #require(record.numbers["phi"]))
        var model = DoubleSeasonal(smoothing: smoothing, start: start)
        var (fitted, squares) = ([Double](), 0.0)
        for sample in golden.y {
            fitted.append(model.point(steps: 1))
            squares += (sample - model.point(steps: 1)) * (sample - model.point(steps: 1))
            model.observe(sample)
        }
        let (mse, forecast) = (try #require(record.numbers["mse"]), try #require(record.lists["forecast"]))
        check.long(fitted, record, "fitted")
        check.scaled(to: mse).equal([squares / Double(golden.y.count)], [mse], "mse")
        check.equal(forecast.indices.map { model.point(steps: $0 + 1) }, forecast, "forecast")
    }
}

/// What a model said and was, sample by sample.
private struct Run {
    var (forecast, errors, level, trend, season) = ([Double](), [Double](), [Double](), [Double](), [Double]())

    mutating func record(_ model: HoltWinters, season slot: Double?) {
        level.append(model.level)
        trend.append(model.trend)
        season.append(slot ?? .nan)
    }
}

/// Compares lists of numbers, to 1e-8 of a scale.
private struct Check {
    var place: String
    var scale: Double

    func scaled(to scale: Double) -> Check { Check(place: place, scale: scale) }

    func equal(_ found: [Double], _ expected: [Double], _ what: String) {
        #expect(found.count == expected.count, "\(place): how many numbers of \(what)")
        let worst = zip(found, expected).map { abs($0 - $1) }.max { !($0 >= $1) } ?? .nan
        #expect(worst <= 1e-8 * scale, "\(place): \(what) is off by \(worst)")
    }

    /// A list of which the file may hold all, or the first and last values, or nothing.
    func long(_ found: [Double], _ record: GoldenSeries.Record, _ name: String) {
        if let whole = record.lists[name] { equal(found, whole, name) }
        if let head = record.lists[name + "_head"] { equal(Array(found.prefix(head.count)), head, name + "_head") }
        if let tail = record.lists[name + "_tail"] { equal(Array(found.suffix(tail.count)), tail, name + "_tail") }
    }
}

extension HoltWinters {
    /// The model of a golden record in its start states.
    init(golden record: GoldenSeries.Record, name: String) throws {
        let smoothing = Smoothing(
            alpha: try #require(record.numbers["alpha"]), beta: record.numbers["beta"] ?? 0,
            gamma: record.numbers["gamma"] ?? 0, phi: record.numbers["phi"] ?? 1)
        let seasonality: Seasonality = name.contains("_mul") ? .multiplicative : .additive
        if let initial = record.lists["initial"] {
            let hasTrend = record.names?.contains("b") == true
            let season = Array(initial.dropFirst(hasTrend ? 2 : 1).reversed())
            self.init(
                form: .innovations, smoothing: smoothing, level: initial[0], trend: hasTrend ? initial[1] : 0,
                season: season.isEmpty ? [0] : season)
        } else {
            self.init(
                form: name.hasPrefix("sm_") ? .hyndman : .winters, seasonality: seasonality, smoothing: smoothing,
                level: try #require(record.numbers["l0"]), trend: record.numbers["b0"] ?? 0,
                season: record.lists["s0"] ?? [0])
        }
    }
}
