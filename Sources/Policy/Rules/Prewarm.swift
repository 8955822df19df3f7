import Fleet
import Forecast

/// One step more as soon as the load reaches a share of what the pool serves at once, or the forecast says that it will.
///
/// Never more than puts the load below that share; and as much as that stays, or the next calm would take it back.
struct Prewarm: Rule {
    let name = RuleName.prewarm
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let prewarm = tick.settings.prewarm, prewarm.ratio > 0, let capacity = tick.capacity, capacity > 0 else {
            return nil
        }
        let ahead = tick.settings.signals.actsOnForecast ? tick.forecast?.prewarm : nil
        let now = tick.demand.requests ?? 0
        let expected = ahead?.largest(tick.settings.forecast).flatMap { tick.isWorthAReplica($0) ? $0 : nil } ?? 0
        let requests = max(now, expected)
        let present = max(0, tick.current - tick.spare)
        guard requests > 0, let load = tick.load(of: requests, on: present) else { return nil }
        // The share counts as reached when it is met exactly; a hair more, so that 7.000000000000001 is 7.
        let needed = wholeReplicas((requests / (capacity * prewarm.ratio) + 1e-9).rounded(.down)) + 1
        let step = tick.settings.scaleUp.step?.replicas ?? 1
        return Proposal(
            min(needed, present + step), .prewarm(load: load, ratio: prewarm.ratio, isExpected: expected > now))
    }
}
