import Fleet

/// As many replicas as the candidate asks for that keeps the objective at the least cost.
struct ObjectiveNeed: Rule {
    let name = RuleName.objective
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let choice = tick.choice else { return nil }
        let followed = choice.followed
        // Virtual fleets never go to zero: their last replica is none that the objective asks for.
        return Proposal(
            choice.desired <= 1 && tick.mayRest ? 0 : choice.desired,
            .objective(
                followed.candidate, share: followed.share, required: choice.required, isLearning: choice.isLearning))
    }
}

/// Enough replicas for the requests that press, at the load that growth aims at: all that are there, but of a long queue only
/// what boots will not clear.
///
/// Worked example: 22 requests, capacity 8, `load_above` 0.6: 22 / 4.8 = 4.6, so 5 replicas. On 4 replicas the load is
/// 22 / 32 = 0.69; with a tolerance of 0.1 growth starts above 0.66, so this orders the fifth.
struct ObservedDemand: Rule {
    let name = RuleName.observedDemand
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard !tick.isSteered, let requests = tick.pressing ?? tick.demand.requests else { return nil }
        guard let capacity = tick.capacity, let needed = tick.replicas(for: requests),
            let load = tick.load(of: requests, on: tick.current)
        else {
            // Not knowing how much a replica carries is no reason to have fewer while there is work.
            return Proposal(requests > 0 ? max(1, tick.current - tick.spare) : 0, .capacityUnknown)
        }
        // Headroom is added later; here it must not make up for what is missing.
        if let tolerable = tick.tolerable(requests, needed: needed, on: tick.current - tick.spare) { return tolerable }
        return Proposal(needed, .demand(requests: requests, capacity: capacity, load: load))
    }
}

extension TickContext {
    /// Of the requests that are there those that growth answers: what comes, and as many places as clear within four minutes
    /// what the present replicas, booting ones too, leave of the queue by the time at which one ordered now would serve.
    /// Never more than are there, and one at least: a short queue of long requests counts with all of them.
    ///
    /// Worked example: 64 requests at once come, each runs for 30 s, replicas of 10 boot for 420 s. 30 run and 400 wait. The 8
    /// that serve or boot have 16 places to spare, and clear 16 × 435 / 30 = 232 in that time. The other 168 want
    /// 168 × 30 / 240 = 21 places; so 85 requests press, and not 430.
    func pressing(_ arrivals: Double?, _ meter: WorkMeter) -> Double? {
        guard let requests = demand.requests, let arrivals, meter.knowsGrowth == true, let capacity, capacity > 0 else {
            return nil
        }
        let serviceSeconds = meter.serviceSeconds
        let lead = settings.lead(memory.boots.p90(expected: settings.boot.expected)).seconds
        let surplus = max(0, capacity * Double(current - spare) - arrivals)
        let left = max(0, (demand.waiting ?? 0) + (demand.held ?? 0) - surplus * lead / serviceSeconds)
        let come = max(arrivals, demand.running ?? 0)
        return min(requests, max(1, come + left * serviceSeconds / ShadowInterval.clearing))
    }
}

/// One more replica for every so many waiting requests.
///
/// Added to the replicas that have settled: those that boot or have just come up are the answer to this queue already,
/// and have had no time to take their part of it.
struct Queue: Rule {
    let name = RuleName.queue
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let perReplica = tick.settings.requestsPerReplicaInQueue, perReplica > 0 else { return nil }
        let waiting = (tick.demand.waiting ?? 0) + (tick.demand.held ?? 0)
        guard waiting > 0 else { return nil }
        let more = wholeReplicas((waiting / perReplica).rounded(.up))
        return Proposal(max(0, settled(tick) - tick.spare) + more, .queue(waiting: waiting, perReplica: perReplica))
    }

    private func settled(_ tick: TickContext) -> Int {
        guard tick.observation.enginesAreReplicas else { return tick.supply.serving.count }
        return tick.supply.serving.count { id in
            guard let place = tick.observation.engines.place(of: id),
                let since = tick.observation.engines[place].answeringSince
            else { return true }
            return tick.now - since >= tick.settings.stableWindow
        }
    }
}

/// Boots count as far as they are expected to be over by the time at which one ordered now would be; as many more replicas
/// are needed as may not. A boot that has taken two ticks more than any before, or a tenth, may still be an ordinary one.
///
/// Worked example: of 3 boots two are in time (0.99 each) and one takes longer than any before (0.4): 0.62 of them are
/// expected to be late, which makes one replica more.
struct BootCredit: Rule {
    let name = RuleName.bootCredit
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let late = tick.lateBoots
        guard late > 0 else { return nil }
        // The objective has not counted the late ones. Otherwise boots that are not needed need nobody in their place.
        let more = tick.isSteered ? late : min(late, target - tick.supply.serving.count)
        guard more > 0 else { return nil }
        return Proposal(
            target + more,
            .bootsCredited(boots: tick.supply.booting.count, inTime: Double(tick.supply.booting.count - late)))
    }
}

extension Supply {
    /// Boots that are expected not to be over by the time at which one ordered now would be; 0 until any are known.
    func lateBoots(_ fleet: FleetState, _ memory: PoolMemory, _ settings: PolicySettings, now: Timestamp) -> Int {
        let (clock, expected) = (memory.boots, settings.boot.expected)
        guard !booting.isEmpty, clock.isKnown else { return 0 }
        let lead = clock.p90(expected: expected)
        let grace = max(settings.interval * 2, lead / 10)
        let inTime = booting.reduce(0) { sum, id in
            let launched = fleet.launchedAt(id) ?? memory.booting.since(id)
            let age = max(.zero, now - (launched ?? now) - grace)
            return sum + clock.chance(within: lead, age: age, expected: expected)
        }
        return wholeReplicas((Double(booting.count) - inTime).rounded())
    }
}

/// Replicas, or a share of the demand, above what is needed.
struct HeadroomRule: Rule {
    let name = RuleName.headroom
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        switch tick.settings.headroom {
        case .replicas(let spare):
            guard spare > 0, target > 0 else { return nil }
            return Proposal(target + spare, .headroom(replicas: spare))
        case .ratio(let share):
            // An objective has it in the capacity that it counts on.
            guard !tick.isSteered, share > 0,
                let requests = (tick.pressing ?? tick.demand.requests).map({ $0 * (1 + share) }),
                let needed = tick.replicas(for: requests), needed > target
            else { return nil }
            if let tolerable = tick.tolerable(requests, needed: needed, on: tick.current) { return tolerable }
            return Proposal(needed, .headroom(replicas: needed - target))
        }
    }
}
