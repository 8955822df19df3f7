package import Fleet
package import Forecast

/// What a pool has learned from its traffic. Kept apart from `PoolMemory`, since it is a hundred times its size, and kept
/// in step with it: what one tick teaches is in that tick's `PoolWork`.
package struct PoolLearning: Hashable, Sendable, Codable {
    package private(set) var forecaster: Forecaster
    /// `nil` without an objective.
    package private(set) var shadows: ShadowFleets?

    /// Before anything was seen.
    package init(_ settings: PolicySettings) {
        forecaster = Forecaster(
            settings: settings.learnedForecast, step: max(settings.interval, Forecaster.shortestStep))
        shadows = settings.shadows.map { ShadowFleets(settings: $0) }
    }

    /// Goes on under settings that may have changed: what would have been learned otherwise begins anew.
    ///
    /// - Returns: whether all that was learned is still of use.
    package mutating func adopt(_ settings: PolicySettings) -> Bool {
        let fresh = PoolLearning(settings)
        let keepsForecaster =
            (forecaster.step, forecaster.horizons) == (fresh.forecaster.step, fresh.forecaster.horizons)
            && forecaster.adopt(settings.learnedForecast)
        if !keepsForecaster { forecaster = fresh.forecaster }
        let keepsShadows = settings.shadows.map { shadows?.adopt($0) ?? false } ?? true
        if !keepsShadows || fresh.shadows == nil { shadows = fresh.shadows }
        return keepsForecaster && keepsShadows
    }

    /// What one tick taught: the demand to come until a replica ordered now would serve, at all levels, and how many
    /// replicas there should be.
    struct Lesson {
        var forecast: DemandForecast?
        /// `nil` without an objective, and while it is not known how much a replica carries.
        var choice: ShadowChoice?
    }

    /// Takes one tick in.
    @discardableResult
    mutating func learn(_ work: PoolWork, _ settings: PolicySettings, now: Timestamp) -> Lesson {
        forecaster.observe(work.arrivals, at: now)
        let forecast = forecaster.forecast(over: settings.lead(work.boot))
        guard shadows != nil, let capacity = work.capacity, let ready = work.ready, let booting = work.booting else {
            return Lesson(forecast: forecast)
        }
        // A cold start from zero is the price of being there, and no miss of who sizes the pool: the last replica counts
        // as if it had stayed.
        let last = ready == 0 && settings.scaleToZero != nil ? 1 : 0
        let choice = shadows?.step(
            arrivals: work.arrivals, backlog: work.backlog,
            forecast: settings.signals.actsOnForecast ? forecast : nil, ready: ready + last,
            booting: max(0, booting - last),
            boot: work.boot, capacity: capacity, now: now)
        return Lesson(forecast: forecast, choice: choice)
    }

    /// Takes a recorded tick in.
    package mutating func replay(_ work: PoolWork, _ settings: PolicySettings, now: Timestamp) {
        learn(work, settings, now: now)
    }
}

extension PolicySettings {
    /// The levels of shadow fleets besides those that people look at.
    var learnedForecast: ForecastSettings {
        guard objective != nil else { return forecast }
        var settings = forecast
        settings.levels = Set(settings.levels + ShadowCandidate.levels).sorted()
        return settings
    }

    var shadows: ShadowSettings? {
        objective.map { objective in
            var shadows = ShadowSettings()
            (shadows.objective, shadows.interval, shadows.minimum) = (
                objective, interval, scaleToZero == nil ? minimum : max(1, minimum)
            )
            return shadows
        }
    }

    /// From now to when a replica that is ordered at the next decision would serve.
    func lead(_ boot: Duration) -> Duration { boot + interval }
}
