import Fleet
package import Forecast

/// What a decision knew of the demand to come: over the time in which a replica ordered now would begin to serve.
package struct PoolForecast: Hashable, Sendable, Codable {
    package var demand: DemandForecast
    /// How good such forecasts have been lately.
    package var skill: ForecastSkill
    /// The same over the time within which a replica that is needed again is better kept than stopped and started;
    /// `nil` unless forecasts so far ahead are good enough to be acted on.
    package var untilBreakEven: DemandForecast?
    /// The same over the horizon of pre-warming, where that is configured.
    package var prewarm: DemandForecast?

    package init(demand: DemandForecast, skill: ForecastSkill) {
        self.demand = demand
        self.skill = skill
    }

    /// Demand at the level that the settings name: the largest one-minute mean up to the end of the lead time.
    package func expected(_ settings: ForecastSettings) -> Double? { demand.largest(settings) }
}

extension DemandForecast {
    /// At the level that the settings name.
    func largest(_ settings: ForecastSettings) -> Double? {
        levels.firstIndex { $0 >= settings.quantile }.map { maximum[$0] }
    }

    /// At those of the levels that are told here.
    func only(_ told: [Double]) -> DemandForecast {
        guard levels.count > told.count else { return self }
        let kept = told.compactMap { levels.firstIndex(of: $0) }
        return DemandForecast(
            lead: lead, levels: kept.map { levels[$0] }, sample: kept.map { sample[$0] },
            maximum: kept.map { maximum[$0] })
    }
}
