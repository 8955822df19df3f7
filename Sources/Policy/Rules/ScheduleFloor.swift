import Fleet
import Forecast

/// Never fewer than the schedules of the moment say. They may lift above the demand, and not above the maximum.
struct ScheduleFloor: Rule {
    let name = RuleName.schedule
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let clock = tick.settings.forecast.calendar.clock
        let holding = tick.settings.schedules.filter { $0.holds(at: tick.now, clock) }
        return holding.map(\.minimum).max().map { Proposal($0, .schedule(minimum: $0)) }
    }
}
