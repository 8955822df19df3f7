import Fleet

/// Missing data holds: nothing shrinks unless what remains would carry the silent engines at full load; and nothing at all
/// while an objective that has lost what it had learned learns it again, since it sizes by a guess until then.
struct FreshData: Rule {
    let name = RuleName.freshData
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let demand = tick.demand
        guard demand.engines > 0, demand.requests != nil else { return Proposal(tick.current, .noData) }
        if tick.memory.hasLearned == true, tick.choice?.isLearning == true {
            return Proposal(tick.current, .learningLost)
        }
        guard demand.missing > 0 else { return nil }
        let reason = Reason.partialData(missing: demand.missing, of: demand.missing + demand.engines)
        guard let most = demand.requestsAtMost, let needed = tick.replicas(for: most) else {
            return Proposal(tick.current, reason)
        }
        return Proposal(needed, reason)
    }
}

/// The first reading after a gap, and a stable window after a start, never shrink.
struct AfterGap: Rule {
    let name = RuleName.afterGap
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        if tick.memory.wasBlind { return Proposal(tick.current, .gap) }
        let age = tick.memory.watchingSince.map { tick.now - $0 } ?? .zero
        guard age < tick.settings.stableWindow else { return nil }
        return Proposal(tick.current, .restart(age: age, window: tick.settings.stableWindow))
    }
}

/// Between the two thresholds nothing changes; and nothing shrinks that would grow again at once.
struct Band: Rule {
    let name = RuleName.band
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered, let load = tick.load(of: tick.demand.requestsAtMost, on: tick.current) else {
            return nil
        }
        if let below = tick.settings.scaleDown.loadBelow, load >= below {
            return Proposal(tick.current, .band(load: load, below: below))
        }
        return tick.fitting(tick.settings.scaleUp.loadAbove * (1 - tick.settings.tolerance))
    }
}

/// While ordered replicas are on their way, the count stays as it is until the pool's boots are known; and while orders are
/// not delivered, which nobody can take back.
struct BootsInFlight: Rule {
    let name = RuleName.bootsInFlight
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let boots = tick.supply.booting.count + tick.supply.undelivered
        guard boots > 0 else { return nil }
        guard tick.memory.boots.isKnown, tick.supply.undelivered == 0 else {
            return Proposal(tick.current, .bootsInFlight(boots))
        }
        return nil
    }
}

/// Shrinking waits until the calm has lasted.
struct Dwell: Rule {
    let name = RuleName.dwell
    let kind = RuleKind.hold

    static let least: Duration = .seconds(600)

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered || tick.settings.scaleDown.after != nil else { return nil }
        let boot = tick.memory.boots.p90(expected: tick.settings.boot.expected)
        let needed = tick.settings.scaleDown.after ?? max(Self.least, boot * 2)
        let calm = tick.memory.calmSince.map { tick.now - $0 } ?? .zero
        guard calm < needed else { return nil }
        return Proposal(tick.current, .dwell(calmFor: calm, needed: needed))
    }
}

/// Shrinking waits after every change of the size, in either direction.
struct CooldownDown: Rule {
    let name = RuleName.cooldownDown
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let (up, down) = (tick.memory.lastScaleUp, tick.memory.lastScaleDown)
        guard let last = up.map({ max($0, down ?? $0) }) ?? down else { return nil }
        let remaining = tick.cooldownDown - (tick.now - last)
        return remaining > .zero ? Proposal(tick.current, .cooldown(remaining: remaining)) : nil
    }
}

/// No new victim while as many drain as may leave at once.
struct DrainPending: Rule {
    let name = RuleName.drainPending
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let draining = tick.supply.draining
        guard !draining.isEmpty, let step = tick.stepDown else { return nil }
        let room = step.replicas - draining.count
        return Proposal(tick.current - max(0, room), .drainPending(draining))
    }
}

/// So many replicas at once, or within a window, and no more.
struct StepDown: Rule {
    let name = RuleName.stepDown
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let step = tick.stepDown else { return nil }
        let room = step.replicas - tick.changes(within: step.per) { $0 < 0 }
        return Proposal(tick.current - max(0, room), .step(replicas: step.replicas, per: step.per))
    }
}
