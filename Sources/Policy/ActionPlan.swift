import Fleet

/// How to come from the present fleet to the target: whom to spare, whom to cordon, and the one thing to ask for.
///
/// In this order of urgency:
/// 1. Growing: first un-cordon, then order the rest.
/// 2. Take away what serves nobody: boots past their deadline, engines dead for long.
/// 3. Take away drained replicas.
/// 4. Shrinking: cancel boots, cordon others.
/// 5. Give back orders that do not come.
struct ActionPlan {
    private(set) var uncordon: [ReplicaID] = []
    private(set) var cordon: [ReplicaID] = []
    private(set) var action: ScalingAction?
    /// Replicas by which the action grows the pool.
    private(set) var growth = 0
    /// Cordoned replicas that the action takes away.
    private(set) var leaving: [PoolMemory.Leaving] = []

    private let tick: TickContext
    /// Growth is wanted, and there is no room for any.
    private var isFull = false

    init(tick: TickContext, decision: Decision) {
        self.tick = tick
        guard let target = decision.target else { return }
        if target > tick.current { grow(by: target - tick.current) }
        if action == nil { removeUseless() }
        if action == nil { removeDrained() }
        if action == nil, target < tick.current { shrink(by: tick.current - target) }
        if action == nil, !decision.steps.contains(where: { Self.puttingOff.contains($0.rule) }) {
            withdraw(to: target)
        }
    }

    /// These keep the pool from growing for now, and it still wants to.
    private static let puttingOff: [RuleName] = [.cooldownUp, .stepUp, .backOff]

    private mutating func grow(by missing: Int) {
        // The busiest come back first: they have the furthest to go before they could leave.
        let candidates = tick.supply.draining.sorted { (requests($0) ?? 0, $1) > (requests($1) ?? 0, $0) }
        uncordon = Array(candidates.prefix(missing))
        guard missing > uncordon.count else { return }
        // What takes up room counts: an order beyond a maximum would be refused, or be paid for against the will.
        let maximum = min(max(tick.settings.maximum, tick.settings.minimum), tick.fleet.maximum ?? .max)
        let present = tick.current + tick.supply.uncounted
        let size = min(present + missing - uncordon.count, maximum)
        growth = max(0, size - present)
        isFull = growth == 0
        guard growth > 0 else { return }
        // Already asked for and not delivered: asking again would change nothing.
        if let desired = tick.fleet.desired, size <= desired {
            growth = 0
            return
        }
        action = .grow(to: size)
    }

    /// An engine's silence or failing health is believed while some engine answers. When none does, the looking may be
    /// what is broken; then one goes, and only where it is in the way of the first replacement. A group that may not become
    /// smaller starts another in its place.
    private mutating func removeUseless() {
        let dead = tick.supply.dead.filter { id in
            tick.memory.dead.since(id).map { tick.now - $0 >= tick.settings.deadAfter } ?? false
        }
        var useless = (tick.supply.stuck + dead).sorted()
        if tick.demand.engines == 0 {
            let doubtful = useless.filter { !isBootingByTheControlPlane($0) }
            useless.removeAll { doubtful.contains($0) }
            if isFull, tick.current == 0, useless.isEmpty { useless = Array(doubtful.prefix(1)) }
        }
        guard !useless.isEmpty else { return }
        let room = size - (tick.fleet.minimum ?? 0)
        action = room > 0 ? .remove(Array(useless.prefix(room))) : .replace(useless)
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
        let boots = tick.supply.booting.filter { tick.paidFor($0) == .zero }.sorted {
            (launched($0), $0) > (launched($1), $1)
        }
        let cancelled = Array(boots.prefix(surplus))
        if !cancelled.isEmpty { action = .remove(cancelled) }
        let places = tick.supply.serving.filter(mayLeave).map(victimOrder).sorted { $0 < $1 }
        let victims = places.map(\.id)
        // Orders that are not delivered cannot be taken back, and are not made up for with replicas that work.
        cordon = Array(victims.prefix(max(0, surplus - cancelled.count - tick.supply.undelivered)))
    }

    /// What has not come within the boot deadline would come some day, and be paid for.
    private mutating func withdraw(to target: Int) {
        guard let desired = tick.fleet.desired, tick.supply.undelivered == 0 else { return }
        let present = size + tick.supply.failed.count
        let wanted = max(present, present - tick.current + target, tick.fleet.minimum ?? 0)
        if wanted < desired { action = .withdraw(to: wanted) }
    }

    /// Everything that the control plane counts.
    private var size: Int { tick.current - tick.supply.undelivered + tick.supply.uncounted }

    /// Spot before on-demand, dear before cheap, idle before busy, new before old; then by name.
    private func victimOrder(_ id: ReplicaID) -> (Int, Double, Double, Int64, id: ReplicaID) {
        let replica = tick.fleet.replicas.first { $0.id == id }
        return (
            replica?.market == .spot ? 0 : 1, -(replica?.usdPerHour ?? tick.settings.usdPerHour ?? 0),
            requests(id) ?? 0,
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

    /// A replica that has not just said how busy it is is no victim, unless the load is not known by replica at all; nor
    /// is one that is paid for.
    private func mayLeave(_ id: ReplicaID) -> Bool {
        guard tick.paidFor(id) == .zero else { return false }
        guard tick.observation.enginesAreReplicas else { return true }
        guard let engine = engine(id), let age = engine.age, age < tick.settings.interval else { return false }
        return engine.condition == .answering || engine.condition == .leftoverGauges
    }

    private func isBootingByTheControlPlane(_ id: ReplicaID) -> Bool {
        if case .booting = tick.fleet.replicas.first(where: { $0.id == id })?.state { true } else { false }
    }

    private func engine(_ id: ReplicaID) -> EngineObservation? {
        guard tick.observation.enginesAreReplicas else { return nil }
        return tick.observation.engines.first { $0.id == id }
    }

    private func requests(_ id: ReplicaID) -> Double? {
        engine(id).flatMap { $0.condition == .leftoverGauges ? 0 : $0.requests }
    }

    private func launched(_ id: ReplicaID) -> Timestamp {
        tick.fleet.replicas.first { $0.id == id }?.launchedAt ?? Timestamp(millisecondsSince1970: 0)
    }
}
