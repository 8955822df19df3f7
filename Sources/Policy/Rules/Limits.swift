import Fleet

/// Growing waits a moment after growing; what is in flight is credited, so this only smooths.
struct CooldownUp: Rule {
    let name = RuleName.cooldownUp
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let last = tick.memory.lastScaleUp else { return nil }
        let remaining = tick.cooldownUp - (tick.now - last)
        guard remaining > .zero, target > tick.least else { return nil }
        return Proposal(tick.least, .cooldown(remaining: remaining))
    }
}

struct StepUp: Rule {
    let name = RuleName.stepUp
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let step = tick.settings.scaleUp.step, target > tick.least else { return nil }
        let room = step.replicas - tick.changes(within: step.per) { $0 > 0 }
        return Proposal(max(tick.least, tick.current + room), .step(replicas: step.replicas, per: step.per))
    }
}

/// A control plane that has just refused is not asked again at once.
struct BackOffRule: Rule {
    let name = RuleName.backOff
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let backOff = tick.memory.backOff, tick.now < backOff.until, target > tick.current else { return nil }
        return Proposal(tick.current, .backOff(until: backOff.until, error: backOff.error.description))
    }
}

/// The pool's own upper bound, on all that there is, whether it helps or not. A fleet above it shrinks step by step.
struct Maximum: Rule {
    let name = RuleName.maximum
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let maximum = tick.settings.maximum
        return tick.capped(at: maximum, useless: tick.supply.useless, target: target).map {
            Proposal($0, .maximum(maximum))
        }
    }
}

extension TickContext {
    /// The count that an upper bound leaves of `target`; `nil` when it leaves all of it.
    ///
    /// Above the bound only replicas leave that have just told their load, so it is enough that most engines tell theirs.
    ///
    /// - Parameter useless: replicas that count for the bound and not for the target.
    func capped(at maximum: Int, useless: Int = 0, target: Int) -> Int? {
        guard current > maximum else {
            let room = max(maximum - useless, current)
            return target > room ? room : nil
        }
        guard target > maximum else { return nil }
        let mayShrink =
            demand.engines > demand.missing && supply.draining.isEmpty
            && AfterGap().propose(self, target: target) == nil && !isSomeUnreached
        let step = mayShrink ? max(0, stepDown?.replicas ?? 1) : 0
        return max(maximum, current - step)
    }

    /// Whether an engine counts as booting only because it was never reached: it may well serve.
    private var isSomeUnreached: Bool {
        supply.booting.contains { id in
            guard let place = fleet.replicas.place(of: id), case .ready = fleet.replicas[place].state,
                let launched = fleet.replicas[place].launchedAt
            else { return false }
            return now - launched > settings.boot.deadline
        }
    }
}

/// The control plane's upper bound: an order beyond it would be refused. It never removes anything. Of several groups only
/// those have room that take orders now.
struct GroupMaximum: Rule {
    let name = RuleName.groupMaximum
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        if tick.fleet.groups != nil, case let placement = tick.placement, !placement.closed.isEmpty {
            let room = tick.current + tick.supply.draining.count + placement.room
            let reason = Reason.groupsClosed(room: placement.room, placement.closed)
            return target > room ? Proposal(room, reason) : nil
        }
        guard let maximum = tick.fleet.maximum else { return nil }
        let room = max(maximum - tick.supply.useless, tick.current)
        return target > room ? Proposal(room, .groupMaximum(maximum)) : nil
    }
}

/// The pool's lower bound, after everything else. The control plane's own counts where it is higher: going below it
/// would be refused.
struct Minimum: Rule {
    let name = RuleName.minimum
    let kind = RuleKind.floor

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let groups = min(tick.fleet.minimum ?? 0, tick.current)
        let minimum = max(tick.settings.minimum, groups)
        return target < minimum ? Proposal(minimum, .minimum(minimum)) : nil
    }
}
