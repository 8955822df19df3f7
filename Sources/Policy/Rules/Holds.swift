import Fleet

/// Missing data holds: nothing shrinks unless what remains would carry the silent engines at full load.
struct FreshData: Rule {
    let name = RuleName.freshData
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let demand = tick.demand
        guard demand.engines > 0, demand.requests != nil else { return Proposal(tick.current, .noData) }
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
        let most = tick.demand.requestsAtMost
        guard let load = tick.load(of: most, on: tick.current),
            let fewer = tick.load(of: most.map { $0 * (1 + tick.spareShare) }, on: tick.current - 1 - tick.spare)
        else { return nil }
        if let below = tick.settings.scaleDown.loadBelow, load >= below {
            return Proposal(tick.current, .band(load: load, below: below))
        }
        let threshold = tick.settings.scaleUp.loadAbove * (1 - tick.settings.tolerance)
        guard fewer > threshold else { return nil }
        return Proposal(tick.current, .wouldNotFit(load: fewer, threshold: threshold))
    }
}

/// While ordered replicas are on their way, as many more stay as may not arrive by the time at which one ordered now would.
///
/// Worked example: of 3 boots two are in time (0.99 each) and one takes longer than any before (0.4): 0.62 of them are
/// expected to be late, so one replica more than the target stays. Until the pool's boots are known,
/// and while orders are not delivered, which nobody can take back, the count stays as it is.
struct BootsInFlight: Rule {
    let name = RuleName.bootsInFlight
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let boots = tick.supply.booting.count + tick.supply.undelivered
        guard boots > 0 else { return nil }
        guard tick.memory.boots.isKnown, tick.supply.undelivered == 0 else {
            return Proposal(tick.current, .bootsInFlight(boots))
        }
        let expected = tick.supply.booting.map(chance(in: tick)).reduce(0, +)
        let late = wholeReplicas((Double(boots) - expected).rounded(.up))
        return Proposal(target + late, .bootsCredited(boots: boots, inTime: expected))
    }

    /// That a boot is over by the time at which one ordered now would be.
    private func chance(in tick: TickContext) -> (ReplicaID) -> Double {
        let (clock, expected) = (tick.memory.boots, tick.settings.boot.expected)
        let lead = clock.p90(expected: expected)
        return { id in
            let launched = tick.fleet.replicas.first { $0.id == id }?.launchedAt ?? tick.memory.booting.since(id)
            return clock.chance(within: lead, age: max(.zero, tick.now - (launched ?? tick.now)), expected: expected)
        }
    }
}

/// Shrinking waits until the calm has lasted.
struct Dwell: Rule {
    let name = RuleName.dwell
    let kind = RuleKind.hold

    static let least: Duration = .seconds(600)

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
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
        guard let last = [tick.memory.lastScaleUp, tick.memory.lastScaleDown].compactMap({ $0 }).max() else {
            return nil
        }
        let remaining = tick.settings.scaleDown.cooldown - (tick.now - last)
        return remaining > .zero ? Proposal(tick.current, .cooldown(remaining: remaining)) : nil
    }
}

/// No new victim while as many drain as may leave at once.
struct DrainPending: Rule {
    let name = RuleName.drainPending
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let draining = tick.supply.draining
        guard !draining.isEmpty else { return nil }
        let room = tick.settings.scaleDown.step.replicas - draining.count
        return Proposal(tick.current - max(0, room), .drainPending(draining))
    }
}

/// So many replicas at once, or within a window, and no more.
struct StepDown: Rule {
    let name = RuleName.stepDown
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let step = tick.settings.scaleDown.step
        let room = step.replicas - tick.changes(within: step.per) { $0 < 0 }
        return Proposal(tick.current - max(0, room), .step(replicas: step.replicas, per: step.per))
    }
}
