import Fleet
import Forecast

/// Never fewer than the schedules of the moment say, and those that begin by the time at which a replica ordered now would
/// serve: they are ready then. They may lift above the demand, and not above the maximum.
struct ScheduleFloor: Rule {
    let name = RuleName.schedule
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let clock = tick.settings.forecast.calendar.clock
        guard !tick.settings.schedules.isEmpty else { return nil }
        let lead = tick.settings.lead(tick.memory.boots.p90(expected: tick.settings.boot.expected))
        let holding = tick.settings.schedules.filter { $0.holds(at: tick.now, lead: lead, clock) }
        return holding.map(\.minimum).max().map { Proposal($0, .schedule(minimum: $0)) }
    }
}
