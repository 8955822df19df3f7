import Fleet

/// How to come from the present fleet to the target: whom to spare, whom to cordon, and the one thing to ask for.
///
/// In this order of urgency:
/// 1. Growing: first un-cordon, then order the rest.
/// 2. Take away what serves nobody: boots past their deadline, engines dead for long.
/// 3. Take away drained replicas.
/// 4. Shrinking: cancel boots, cordon others.
struct ActionPlan {
    private(set) var uncordon: [ReplicaID] = []
    private(set) var cordon: [ReplicaID] = []
    private(set) var action: ScalingAction?
    /// Replicas by which the action grows the pool.
    private(set) var growth = 0
    /// Cordoned replicas that the action takes away.
    private(set) var leaving: [PoolMemory.Leaving] = []

    private let tick: TickContext

    init(tick: TickContext, decision: Decision) {
        self.tick = tick
        guard let target = decision.target else { return }
        if target > tick.current { grow(by: target - tick.current) }
        if action == nil { removeUseless() }
        if action == nil { removeDrained() }
        if action == nil, target < tick.current { shrink(by: tick.current - target) }
    }

    private mutating func grow(by missing: Int) {
        // The busiest come back first: they have the furthest to go before they could leave.
        let candidates = tick.supply.draining.sorted { (requests($0) ?? 0, $1) > (requests($1) ?? 0, $0) }
        uncordon = Array(candidates.prefix(missing))
        growth = missing - uncordon.count
        guard growth > 0 else { return }
        let size = tick.current + growth + tick.supply.uncounted
        // Already asked for and not delivered: asking again would change nothing.
        if let desired = tick.fleet.desired, size <= desired {
            growth = 0
            return
        }
        action = .grow(to: size)
    }

    private mutating func removeUseless() {
        let dead = tick.supply.dead.filter { id in
            tick.memory.dead.since(id).map { tick.now - $0 >= tick.settings.deadAfter } ?? false
        }
        let useless = (tick.supply.stuck + dead).sorted()
        let allowed = useless.prefix(max(0, size - (tick.fleet.minimum ?? 0)))
        if !allowed.isEmpty { action = .remove(Array(allowed)) }
    }

    private mutating func removeDrained() {
        for drained in tick.memory.draining where tick.supply.draining.contains(drained.id) {
            if uncordon.contains(drained.id) { continue }
            let overdue = tick.now - drained.since >= tick.settings.drainDeadline
            let idle = isKnownIdle(drained.id, since: drained.since)
            guard idle || overdue else { continue }
            leaving.append(
                PoolMemory.Leaving(
                    id: drained.id, since: drained.since, cutRequests: idle ? 0 : requests(drained.id) ?? 0))
        }
        leaving = Array(leaving.prefix(max(0, size - (tick.fleet.minimum ?? 0))))
        if !leaving.isEmpty { action = .remove(leaving.map(\.id)) }
    }

    private mutating func shrink(by surplus: Int) {
        let boots = tick.supply.booting.sorted { (launched($0), $0) > (launched($1), $1) }
        let cancelled = Array(boots.prefix(surplus))
        if !cancelled.isEmpty { action = .remove(cancelled) }
        let victims = tick.supply.serving.filter(mayLeave).sorted { victimOrder($0) < victimOrder($1) }
        cordon = Array(victims.prefix(surplus - cancelled.count))
    }

    /// Everything that the control plane counts.
    private var size: Int { tick.current - tick.supply.undelivered + tick.supply.uncounted }

    /// Spot before on-demand, dear before cheap, idle before busy, new before old; then by name.
    private func victimOrder(_ id: ReplicaID) -> (Int, Double, Double, Int64, ReplicaID) {
        let replica = tick.fleet.replicas.first { $0.id == id }
        return (
            replica?.market == .spot ? 0 : 1, -(replica?.usdPerHour ?? 0), requests(id) ?? 0,
            -launched(id).millisecondsSince1970, id
        )
    }

    private func isKnownIdle(_ id: ReplicaID, since: Timestamp) -> Bool {
        guard let engine = engine(id) else { return false }
        switch engine.condition {
        case .dead, .starting, .leftoverGauges: return true
        case .silent, .mute, .sleeping: return false
        case .answering:
            guard let age = engine.age, tick.now - age > since else { return false }
            return engine.requests == 0
        }
    }

    /// A replica that has not just said how busy it is is no victim, unless the load is not known by replica at all.
    private func mayLeave(_ id: ReplicaID) -> Bool {
        guard tick.observation.enginesAreReplicas else { return true }
        guard let engine = engine(id), let age = engine.age, age < tick.settings.interval else { return false }
        return engine.condition == .answering || engine.condition == .leftoverGauges
    }

    private func engine(_ id: ReplicaID) -> EngineObservation? {
        guard tick.observation.enginesAreReplicas else { return nil }
        return tick.observation.engines.first { $0.id == id }
    }

    private func requests(_ id: ReplicaID) -> Double? { engine(id)?.requests }

    private func launched(_ id: ReplicaID) -> Timestamp {
        tick.fleet.replicas.first { $0.id == id }?.launchedAt ?? Timestamp(millisecondsSince1970: 0)
    }
}
