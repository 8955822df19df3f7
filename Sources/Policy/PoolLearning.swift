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

    /// What one tick taught: the demand to come, and how many replicas there should be.
    struct Lesson {
        var forecast: PoolForecast?
        /// `nil` without an objective, and while it is not known how much a replica carries.
        var choice: ShadowChoice?
    }

    /// Takes one tick in.
    ///
    /// - Parameter paidFor: how long the next replica that may leave is paid for.
    @discardableResult
    mutating func learn(
        _ work: PoolWork, _ settings: PolicySettings, paidFor: Duration? = nil, now: Timestamp
    ) -> Lesson {
        forecaster.observe(work.arrivals, at: now)
        let ahead = forecaster.forecast(over: settings.lead(work.boot))
        let forecast = ahead.flatMap { told($0, work, settings, paidFor) }
        guard shadows != nil, let capacity = work.capacity, let ready = work.ready, let booting = work.booting else {
            return Lesson(forecast: forecast)
        }
        // A cold start from zero is the price of being there, and no miss of who sizes the pool: the last replica counts
        // as if it had stayed.
        let last = ready == 0 && settings.scaleToZero != nil ? 1 : 0
        let choice = shadows?.step(
            arrivals: work.arrivals, backlog: work.backlog,
            forecast: settings.signals.actsOnForecast ? ahead : nil, ready: ready + last,
            booting: max(0, booting - last),
            boot: work.boot, capacity: capacity, now: now)
        return Lesson(forecast: forecast, choice: choice)
    }

    /// - Parameter ahead: until a replica ordered now would serve, at all levels.
    private func told(
        _ ahead: DemandForecast, _ work: PoolWork, _ settings: PolicySettings, _ paidFor: Duration?
    ) -> PoolForecast? {
        let (lead, levels) = (settings.lead(work.boot), settings.forecast.levels)
        guard let skill = forecaster.skill(over: lead) else { return nil }
        var forecast = PoolForecast(demand: ahead.only(levels), skill: skill)
        // Stopping saves nothing until the time is over for which it is paid, and a start before it serves.
        let breakEven = max(lead, work.boot + (paidFor ?? .zero))
        if breakEven == lead {
            if skill.isActive { forecast.untilBreakEven = forecast.demand }
        } else if forecaster.skill(over: breakEven)?.isActive == true {
            forecast.untilBreakEven = forecaster.forecast(over: breakEven)?.only(levels)
        }
        if let horizon = settings.prewarm?.horizon, forecaster.skill(over: horizon)?.isActive == true {
            forecast.prewarm = forecaster.forecast(over: horizon)?.only(levels)
        }
        return forecast
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
