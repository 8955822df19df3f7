import Forecast
import Testing

@Suite struct HoltWintersTests {
    static let daily = (0..<60).map { (slot: Int) -> Double in Double(50 + slot % 7 * 4 + slot * slot % 11) }

    static let models: [HoltWinters] = [HoltWinters.Form.winters, .hyndman, .innovations].flatMap { form in
        let smoothing = HoltWinters.Smoothing(alpha: 0.4, beta: 0.1, gamma: 0.3, phi: 0.9)
        return [
            HoltWinters(form: form, smoothing: smoothing, level: 55, trend: 0.5, season: [-3, -2, -1, 0, 1, 2, 3]),
            HoltWinters(
                form: form, seasonality: .multiplicative, smoothing: smoothing, level: 55, trend: 0.5,
                season: [0.8, 0.9, 1, 1, 1, 1.1, 1.2]),
        ]
    }

    @Test("a missing sample only lets time pass", arguments: models)
    func missing(model: HoltWinters) {
        var model = model
        for sample in Self.daily { model.observe(sample) }
        var later = model
        for sample in [nil, .nan, .infinity, -.infinity] as [Double?] { later.observe(sample) }
        for steps in 1...10 {
            #expect(abs(later.point(steps: steps) - model.point(steps: steps + 4)) < 1e-9)
        }
    }

    @Test("twice the samples, twice the forecast", arguments: models)
    func scaling(model: HoltWinters) {
        let factor = model.seasonality == .additive ? 2.0 : 1
        var plain = model
        var scaled = HoltWinters(
            form: model.form, seasonality: model.seasonality, smoothing: model.smoothing, level: 2 * model.level,
            trend: 2 * model.trend, season: model.seasonAhead.map { factor * $0 })
        for sample in Self.daily {
            plain.observe(sample)
            scaled.observe(2 * sample)
        }
        #expect(abs(scaled.point(steps: 9) - 2 * plain.point(steps: 9)) < 1e-9)
    }

    @Test("100 added to the samples is added to the forecast", arguments: models.filter { $0.seasonality == .additive })
    func translation(model: HoltWinters) {
        var plain = model
        var moved = HoltWinters(
            form: model.form, smoothing: model.smoothing, level: model.level + 100, trend: model.trend,
            season: model.seasonAhead)
        for sample in Self.daily {
            plain.observe(sample)
            moved.observe(sample + 100)
        }
        #expect(abs(moved.point(steps: 9) - 100 - plain.point(steps: 9)) < 1e-9)
    }

    @Test("samples of 0 pass a multiplicative model by", arguments: models.filter { $0.seasonality == .multiplicative })
    func zeros(model: HoltWinters) {
        var (passedBy, missed) = (model, model)
        for sample in [100, 50, 0, 0, 0.001, -3, 80] as [Double] {
            passedBy.observe(sample)
            missed.observe(sample > 0 ? sample : nil)
        }
        #expect(passedBy == missed)
    }

    @Test(
        "a level that fell below 0 begins anew under a multiplicative season",
        arguments: models.filter { $0.seasonality == .multiplicative })
    func restarts(model: HoltWinters) {
        var model = HoltWinters(
            form: model.form, seasonality: .multiplicative, smoothing: model.smoothing, level: 1, trend: -5,
            season: [2, 0.5])
        model.observe(80)
        #expect(model.level == 40 && model.trend == 0 && model.point(steps: 1) == 20)
    }

    @Test("a multiplicative season has no quantiles in closed form")
    func noQuantiles() {
        let model = HoltWinters(
            form: .hyndman, seasonality: .multiplicative, smoothing: HoltWinters.Smoothing(alpha: 0.1), level: 1,
            season: [1])
        #expect(model.quantile(0.9, steps: 1, errorVariance: 1) == nil)
    }

    @Test("two seasons: a missing sample only lets time pass, and so fades the correction")
    func missingInDouble() {
        let start = DoubleSeasonal.Start(
            level: 50, trend: 0.5, short: [0.9, 1, 1.1], long: [1, 1.1, 0.9, 1, 1, 1.2])
        let smoothing = DoubleSeasonal.Smoothing(alpha: 0.2, beta: 0.1, gamma: 0.1, omega: 0.1, phi: 0.5)
        var model = DoubleSeasonal(smoothing: smoothing, start: start)
        for sample in Self.daily { model.observe(sample) }
        var later = model
        for sample in [nil, 0, -1, .nan] as [Double?] { later.observe(sample) }
        for steps in 1...10 {
            #expect(abs(later.point(steps: steps) - model.point(steps: steps + 4)) < 1e-9)
        }
    }
}
