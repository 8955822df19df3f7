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
    /// Boots that the action takes back.
    private(set) var cancelled = 0
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
        if action == nil, tick.memory.undeliveredSince != nil || tick.fleet.groups != nil,
            !decision.steps.contains(where: { Self.puttingOff.contains($0.rule) })
        {
            withdraw(to: target)
        }
    }

    /// These keep the pool from growing for now, and it still wants to.
    private static let puttingOff: [RuleName] = [.cooldownUp, .stepUp, .backOff]

    private mutating func grow(by missing: Int) {
        // The busiest come back first: they have the furthest to go before they could leave.
        let candidates = tick.supply.draining.filter { leavesAt($0) == nil && !tick.memory.isRemoved($0) }.sorted {
            (requests($0) ?? 0, $1) > (requests($1) ?? 0, $0)
        }
        uncordon = Array(candidates.prefix(missing))
        guard missing > uncordon.count else { return }
        // What takes up room counts: an order beyond a maximum would be refused, or be paid for against the will.
        let room = max(tick.settings.maximum, tick.settings.minimum) - tick.current - tick.supply.uncounted
        let placement = tick.placement
        guard let order = placement.order(min(missing - uncordon.count, room)) else {
            isFull = placement.closed.isEmpty
            return
        }
        // Already asked for and not delivered: asking again would change nothing.
        if let desired = order.group.desired, order.size <= desired { return }
        growth = order.growth
        action = .grow(to: order.size, in: order.group.id)
    }

    /// An engine's silence or failing health is believed while some engine answers. When none does, the looking may be
    /// what is broken; then one goes, and only where it is in the way of the first replacement. A group that may not become
    /// smaller starts another in its place.
    private mutating func removeUseless() {
        if tick.supply.stuck.isEmpty, tick.supply.dead.isEmpty { return }
        let dead = tick.supply.dead.filter { id in
            tick.memory.dead.since(id).map { tick.now - $0 >= tick.settings.deadAfter } ?? false
        }
        var useless = (tick.supply.stuck + dead).sorted()
        if tick.demand.engines == 0 {
            let doubtful = useless.filter { !isBootingByTheControlPlane($0) }
            useless.removeAll { doubtful.contains($0) }
            if isFull, tick.current == 0, useless.isEmpty { useless = Array(doubtful.prefix(1)) }
        }
        action = removal(of: useless, orReplacement: true)
    }

    /// Takes away those of `ids` that one group lets go: one that answers, takes removals and stays above its minimum.
    private func removal(of ids: [ReplicaID], orReplacement: Bool = false) -> ScalingAction? {
        guard !ids.isEmpty else { return nil }
        for place in tick.placement.places {
            let mine = ids.filter { isIn(place, $0) }
            let room = place.present - (place.group.minimum ?? 0)
            if mine.isEmpty || room <= 0 && !orReplacement { continue }
            let action: ScalingAction =
                room > 0 ? .remove(Array(mine.prefix(room)), in: place.group.id) : .replace(mine, in: place.group.id)
            if mayAsk(place, action) { return action }
        }
        return nil
    }

    /// Whether this is not in the way of what other groups would do.
    private func mayAsk(_ place: Placement.Place, _ action: ScalingAction) -> Bool {
        place.group.id == nil || place.group.answers && !tick.memory.holdsBack(action, now: tick.now)
    }

    private mutating func removeDrained() {
        if tick.memory.draining.isEmpty { return }
        let draining = Set(tick.supply.draining).subtracting(uncordon)
        for drained in tick.memory.draining where draining.contains(drained.id) {
            // What the cloud takes would be replaced by its group: it leaves by order, at the last moment.
            let goes = leavesAt(drained.id).map { $0 - tick.now <= tick.settings.interval * 2 } ?? false
            let overdue = goes || tick.now - drained.since >= tick.settings.drainDeadline
            let idle = isKnownIdle(drained.id, since: drained.since)
            guard idle || overdue else { continue }
            leaving.append(
                PoolMemory.Leaving(
                    id: drained.id, since: drained.since, cutRequests: idle ? 0 : requests(drained.id) ?? 0))
        }
        action = removal(of: leaving.map(\.id))
        guard case .remove(let ids, _) = action else { return leaving = [] }
        let gone = Set(ids)
        leaving.removeAll { !gone.contains($0.id) }
    }

    private mutating func shrink(by surplus: Int) {
        let boots = tick.supply.booting.filter { tick.paidFor($0) == .zero }
            .map { (rank($0), launched($0), id: $0) }.sorted { $0 > $1 }.map(\.id)
        let victims = tick.supply.serving.filter(mayLeave).map(victimOrder).sorted { $0 < $1 }
        var kept = tick.placement.places.map { place in
            let counted = tick.supply.serving.count { isIn(place, $0) } + tick.supply.booting.count { isIn(place, $0) }
            return (group: place.group, count: counted)
        }
        /// The first ones that leave every group its base.
        func first(_ count: Int, of ids: [ReplicaID]) -> [ReplicaID] {
            var chosen: [ReplicaID] = []
            for id in ids {
                if chosen.count >= count { break }
                let group = replica(id)?.group
                guard let index = kept.firstIndex(where: { $0.group.id == group }),
                    kept[index].group.answers,
                    kept[index].count > max(kept[index].group.base, kept[index].group.minimum ?? 0)
                else { continue }
                kept[index].count -= 1
                chosen.append(id)
            }
            return chosen
        }
        let cancelled = first(surplus, of: boots)
        action = removal(of: cancelled)
        if case .remove(let ids, _) = action { self.cancelled = ids.count }
        // Orders that are not delivered cannot be taken back, and are not made up for with replicas that work.
        cordon = first(surplus - cancelled.count - tick.supply.undelivered, of: victims.map(\.id))
    }

    /// What has not come in time would come some day, and be paid for.
    private mutating func withdraw(to target: Int) {
        for place in tick.placement.places where place.credited == 0 {
            let wanted = max(place.listed + max(0, target - tick.current), place.group.minimum ?? 0)
            let order = ScalingAction.withdraw(to: wanted, in: place.group.id)
            if let desired = place.group.desired, wanted < desired, mayAsk(place, order) { return action = order }
        }
    }

    /// The last group in fail-over order first; there spot before on-demand, dear before cheap, idle before busy, new
    /// before old; then by name.
    private func victimOrder(_ id: ReplicaID) -> (Int, Int, Double, Double, Int64, id: ReplicaID) {
        let replica = replica(id)
        return (
            -rank(id), replica?.market == .spot ? 0 : 1, -(replica?.usdPerHour ?? tick.settings.usdPerHour ?? 0),
            requests(id) ?? 0,
            -launched(id).millisecondsSince1970, id
        )
    }

    /// The place of its group in the fail-over order.
    private func rank(_ id: ReplicaID) -> Int {
        guard let groups = tick.fleet.groups, let group = replica(id)?.group else { return 0 }
        return groups.firstIndex { $0.id == group } ?? 0
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
        return engine.condition.tellsLoad
    }

    private func isBootingByTheControlPlane(_ id: ReplicaID) -> Bool {
        if case .booting = replica(id)?.state { true } else { false }
    }

    private func replica(_ id: ReplicaID) -> Replica? {
        tick.fleet.replicas.place(of: id).map { tick.fleet.replicas[$0] }
    }

    private func isIn(_ place: Placement.Place, _ id: ReplicaID) -> Bool {
        tick.fleet.replicas.place(of: id).flatMap { tick.fleet.replicas[$0].group } == place.group.id
    }

    /// When it is taken away, of those that leave before one that is ordered now would serve.
    private func leavesAt(_ id: ReplicaID) -> Timestamp? {
        tick.memory.notices.contains { $0.id == id } ? replica(id)?.leavesAt : nil
    }

    private func engine(_ id: ReplicaID) -> EngineObservation? {
        guard tick.observation.enginesAreReplicas else { return nil }
        return tick.observation.engines.place(of: id).map { tick.observation.engines[$0] }
    }

    private func requests(_ id: ReplicaID) -> Double? {
        guard let engine = engine(id) else { return nil }
        if case .leftoverGauges = engine.condition { return 0 }
        return engine.requests
    }

    private func launched(_ id: ReplicaID) -> Timestamp {
        tick.fleet.launchedAt(id) ?? Timestamp(millisecondsSince1970: 0)
    }
}
