import Fleet
import Forecast

/// Somebody asks for a pool without a serving replica: one, at once.
struct WakeNeed: Rule {
    let name = RuleName.wake
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        tick.memory.wake.map { Proposal(1, .wake($0.cause, since: tick.now - $0.since)) }
    }
}

/// The last replica stays until it is known that nobody has asked for long, and that nobody is expected.
///
/// A pool at zero stays there; that is for the needs to end, within the limits.
struct KeepAlive: Rule {
    let name = RuleName.keepAlive
    let kind = RuleKind.floor

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard tick.settings.scaleToZero != nil, target < 1 else { return nil }
        if tick.isAtZero { return Proposal(0, .atZero, isNotice: true) }
        if tick.mayRest { return Proposal(0, .idle(for: tick.idleFor, needed: tick.idleNeeded), isNotice: true) }
        if let idle = tick.idleFor, idle >= tick.idleNeeded, let again = tick.expectedAgain {
            return Proposal(1, .neededAgain(requests: again.requests, within: again.within))
        }
        return Proposal(1, .idle(for: tick.idleFor, needed: tick.idleNeeded))
    }
}
