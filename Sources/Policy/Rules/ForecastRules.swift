import Fleet
import Forecast

/// Enough replicas, at the load that growth aims at, for what is expected until one that is ordered now would serve.
///
/// Speaks only while forecasts of this pool are better than its last value. It can ask for more and never for less.
struct ForecastNeed: Rule {
    let name = RuleName.forecast
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered, tick.settings.signals.actsOnForecast, let forecast = tick.forecast,
            forecast.skill.isActive,
            let requests = forecast.expected(tick.settings.forecast), tick.isWorthAReplica(requests),
            let needed = tick.replicas(for: requests)
        else { return nil }
        // Headroom is added later; here it must not make up for what is missing.
        if let tolerable = tick.tolerable(requests, needed: needed, on: tick.current - tick.spare) { return tolerable }
        return Proposal(needed, .forecast(requests: requests, lead: forecast.demand.lead))
    }
}

/// A replica stays while the forecast needs it again before stopping and starting it would have paid.
struct ForecastHold: Rule {
    let name = RuleName.forecastHold
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered || tick.settings.minimumBilling != nil, tick.settings.signals.actsOnForecast,
            let ahead = tick.forecast?.untilBreakEven,
            let requests = ahead.largest(tick.settings.forecast), tick.isWorthAReplica(requests),
            let needed = tick.replicas(for: requests)
        else { return nil }
        return Proposal(needed + tick.spare, .neededAgain(requests: requests, within: ahead.lead))
    }
}

/// What remains must have room for what no forecast foresees.
///
/// Only where forecasts are acted on, and where nobody has said below which load to shrink.
struct Consolidation: Rule {
    let name = RuleName.consolidation
    let kind = RuleKind.hold

    /// Of the load that growth aims at.
    static let share = 0.8

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered, tick.settings.signals.actsOnForecast, tick.forecast?.skill.isActive == true,
            tick.settings.scaleDown.loadBelow == nil
        else { return nil }
        return tick.fitting(tick.settings.scaleUp.loadAbove * Self.share)
    }
}
