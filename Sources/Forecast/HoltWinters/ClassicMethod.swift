import Fleet

/// The textbook methods, by name, fitted to a series and ready to run on from its end.
package enum ClassicMethod: String, CaseIterable, Hashable, Sendable {
    case simple = "ses"
    case holt = "holt"
    case dampedHolt = "damped-holt"
    case additive = "hw-additive"
    case additiveDamped = "hw-additive-damped"
    case multiplicative = "hw-multiplicative"
    case multiplicativeDamped = "hw-multiplicative-damped"
    case double = "double-seasonal"
    case doubleCorrected = "double-seasonal-ar1"

    /// The method with the smoothing that fits this series best, brought up to the series' last slot.
    ///
    /// Gaps within the series are filled in a straight line for the fit; slots before the first sample are left out, and
    /// in those after the last one only time passes.
    /// - Parameters:
    ///   - day: the season of methods that have one, and the shorter one of those with two.
    ///   - week: the longer season of methods with two.
    package func fitted(
        to training: SampleSeries, day: Duration = .seconds(86_400), week: Duration = .seconds(604_800)
    ) throws(FitError) -> any PointForecaster {
        let gapless = training.filled()
        let step = training.step
        func ready<Model: StepForecaster>(_ model: Model, from first: Int) -> SteppedForecaster<Model> {
            var model = model
            for value in gapless.values.dropFirst(first) { model.observe(value) }
            for _ in 0..<gapless.missingAtEnd { model.observe(nil) }
            return SteppedForecaster(model: model, step: step)
        }
        func holtWinters(
            _ trend: HoltWinters.Structure.Trend, _ seasonality: HoltWinters.Seasonality? = nil
        ) throws(FitError) -> any PointForecaster {
            let length = if seasonality == nil { 1 } else { try Self.slots(of: day, step) }
            let structure = HoltWinters.Structure(
                trend: trend, seasonality: seasonality ?? .additive, seasonLength: length)
            let fit = try HoltWinters.fit(structure, to: gapless.values)
            return ready(fit.model, from: fit.first)
        }
        func double(_ correctsErrors: Bool) throws(FitError) -> any PointForecaster {
            let fit = try DoubleSeasonal.fit(
                shortSeason: Self.slots(of: day, step), longSeason: Self.slots(of: week, step),
                to: gapless.values, correctsErrors: correctsErrors)
            return ready(fit.model, from: 0)
        }
        return switch self {
        case .simple: try holtWinters(.none)
        case .holt: try holtWinters(.linear)
        case .dampedHolt: try holtWinters(.damped)
        case .additive: try holtWinters(.linear, .additive)
        case .additiveDamped: try holtWinters(.damped, .additive)
        case .multiplicative: try holtWinters(.linear, .multiplicative)
        case .multiplicativeDamped: try holtWinters(.damped, .multiplicative)
        case .double: try double(false)
        case .doubleCorrected: try double(true)
        }
    }

    private static func slots(of season: Duration, _ step: Duration) throws(FitError) -> Int {
        let (season, step) = (season.wholeMilliseconds, step.wholeMilliseconds)
        guard step > 0, season >= 2 * step, season.isMultiple(of: step) else { throw .unsuitableSeason }
        return Int(season / step)
    }
}

/// A model that counts in samples.
protocol StepForecaster: Sendable {
    mutating func observe(_ sample: Double?)
    func point(steps: Int) -> Double
}

extension HoltWinters: StepForecaster {}
extension DoubleSeasonal: StepForecaster {}

/// A model that counts in samples, asked in spans of time. Every slot must be handed to it, with `nil` where there is
/// no sample.
struct SteppedForecaster<Model: StepForecaster>: PointForecaster {
    var model: Model
    let step: Duration

    mutating func observe(_ sample: Double?, at now: Timestamp) { model.observe(sample) }

    func point(after lead: Duration) -> Double? {
        let point = model.point(steps: lead.slots(of: step))
        return point.isFinite ? point : nil
    }
}
