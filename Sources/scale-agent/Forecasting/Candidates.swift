import Fleet
import Forecast

/// A forecaster that can be evaluated, by the name that `--models` knows.
enum Candidate: Hashable, CaseIterable {
    /// What the agent itself forecasts with.
    case bank
    case lastValue
    case lastSeason
    case classic(ClassicMethod)

    static let allCases: [Candidate] =
        [.bank, .lastValue, .lastSeason]
        + ClassicMethod.allCases.map { .classic($0) }

    var name: String {
        switch self {
        case .bank: "bank"
        case .lastValue: "last-value"
        case .lastSeason: "seasonal-naive"
        case .classic(let method): method.rawValue
        }
    }

    init?(name: String) {
        guard let candidate = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = candidate
    }

    /// Fits the forecaster to the learning half where it has something to fit, and lets it forecast at every origin.
    ///
    /// - Throws: `FitError` when it cannot be fitted to this series.
    func trial(
        _ rolling: RollingOrigin, calendar: ForecastCalendar, progress: (Double) -> Void
    ) throws(FitError) -> RollingOrigin.Trial {
        let (step, levels, leads) = (rolling.series.step, rolling.settings.levels, rolling.leads)
        func tracked(_ point: some PointForecaster, from first: Int = 0) -> RollingOrigin.Trial {
            let model = TrackedForecast(point, step: step, horizons: leads, levels: levels)
            return rolling.trial(of: model, from: first, progress: progress)
        }
        switch self {
        case .bank:
            var settings = ForecastSettings()
            (settings.calendar, settings.levels) = (calendar, levels)
            return rolling.trial(of: Forecaster(settings: settings, step: step, horizons: leads), progress: progress)
        case .lastValue: return tracked(LastValue())
        case .lastSeason: return tracked(LastSeason(step: step))
        case .classic(let method):
            let start = rolling.test.lowerBound
            // The end of the learning is kept from the fit where the rest suffices: quantiles are learned from errors,
            // and those of a fitted stretch are too small.
            let early = start - min(max(Duration.seconds(86_400).slots(of: step), 600), start / 4)
            if let model = try? method.fitted(to: rolling.training(upTo: early)) {
                return tracked(model, from: early)
            }
            return tracked(try method.fitted(to: rolling.training(upTo: start)), from: start)
        }
    }
}
