package import Fleet

/// The replicas of a pool, each in exactly one place: what the control plane says, joined with what the engines say.
package struct Supply: Hashable, Sendable, Codable {
    /// Answering, or silent for too short a time to give up on.
    package var serving: [ReplicaID] = []
    /// On their way and within the boot deadline.
    package var booting: [ReplicaID] = []
    /// Ordered replicas that the control plane does not list yet.
    package var undelivered = 0
    /// Cordoned by the controller, or about to be taken away by the cloud.
    package var draining: [ReplicaID] = []
    /// Past the boot deadline.
    package var stuck: [ReplicaID] = []
    /// Failing their health check, twice in a row at least.
    package var dead: [ReplicaID] = []
    /// Silent for long while others answer, or never heard of; left alone, since they may still serve somebody.
    package var lost: [ReplicaID] = []
    package var sleeping: [ReplicaID] = []
    /// Broken, by the control plane's word.
    package var failed: [ReplicaID] = []

    /// Replicas that the decision counts on.
    package var current: Int { serving.count + booting.count + undelivered }

    /// Replicas that the control plane counts in its size and the decision does not.
    package var uncounted: Int { draining.count + useless }

    /// Replicas that take up room and do not help, nor can be called back.
    package var useless: Int { stuck.count + dead.count + lost.count + sleeping.count }

    package init() {}
}

extension Supply {
    /// Sorts every replica into its place and lets the memory take note of what is new.
    ///
    /// A replica is placed by the first that holds: 1. terminating, stopped: nowhere; 2. failed; 3. cordoned;
    /// 4. the control plane or the engine says it boots: booting, past the deadline stuck or lost; 5. dead; 6. sleeping;
    /// 7. lost; 8. serving. What would boot or serve and is taken away before a replacement would serve is draining.
    static func sort(
        fleet: FleetState, observation: PoolObservation, settings: PolicySettings, memory: inout PoolMemory,
        now: Timestamp
    ) -> (Supply, [PoolEvent]) {
        var supply = Supply()
        var events: [PoolEvent] = []
        let engines = observation.enginesAreReplicas ? observation.engines : []
        var byReplica = EnginesByReplica(engines)
        let answering = engines.count { $0.condition == .answering || $0.condition == .leftoverGauges }
        memory.noteSilence(engines, now: now)
        let longSilent = memory.silent.filter { now - $0.since > settings.lostAfter }.map(\.id)
        // When most engines fall silent at once it is the observer that is cut off, not the replicas that are gone.
        let lost = answering > longSilent.count ? Set(longSilent) : []

        func isPresent(_ replica: Replica) -> Bool { replica.state != .terminating && replica.state != .stopped }
        memory.draining.removeAll { drained in !fleet.replicas.contains { $0.id == drained.id && isPresent($0) } }
        supply.serving.reserveCapacity(fleet.replicas.count)
        let leaving = memory.leavingSoon(fleet, settings, now: now)
        var told: [ReplicaID] = []
        var bootingNow: [ReplicaID] = []
        var deadNow: [ReplicaID] = []

        for replica in fleet.replicas where isPresent(replica) {
            let id = replica.id
            let condition = byReplica.condition(of: id)
            if case .failed = replica.state {
                supply.failed.append(id)
            } else if memory.draining.since(id) != nil {
                supply.draining.append(id)
            } else if boots(replica, condition) {
                bootingNow.append(id)
                // Counted from the first look at it: a controller that comes late has not seen it miss anything.
                let since = memory.booting.since(id) ?? now
                if now - since <= settings.boot.deadline {
                    if leaving.contains(id) { told.append(id) } else { supply.booting.append(id) }
                } else if isBootWatched(replica, since: since, settings) {
                    supply.stuck.append(id)
                    let wasInTime = memory.lastTick.map { $0 - since <= settings.boot.deadline } ?? true
                    if wasInTime { events.append(.bootTimedOut(id)) }
                } else {
                    supply.lost.append(id)
                }
            } else if case .dead = condition {
                deadNow.append(id)
                // One failed check is a hiccup; two in a row order a replacement.
                if let since = memory.dead.since(id) {
                    supply.dead.append(id)
                    if since == memory.lastTick { events.append(.died(id)) }
                } else {
                    supply.serving.append(id)
                }
            } else if condition == .sleeping {
                supply.sleeping.append(id)
            } else if lost.contains(id) {
                supply.lost.append(id)
            } else if leaving.contains(id) {
                told.append(id)
            } else {
                supply.serving.append(id)
            }
        }

        for boot in memory.booting where supply.serving.contains(boot.id) {
            guard let replica = fleet.replicas.first(where: { $0.id == boot.id }),
                isBootWatched(replica, since: boot.since, settings)
            else { continue }
            let launched = replica.launchedAt ?? boot.since
            let answered = engines.first { $0.id == boot.id }?.answeringSince ?? now
            let took = max(answered - launched, .zero)
            memory.boots.record(took)
            events.append(.booted(boot.id, took: took))
        }
        memory.booting.track(bootingNow, now: now)
        memory.dead.track(deadNow, now: now)

        supply.undelivered = memory.noteUndelivered(in: fleet, settings, now: now)
        supply.draining += told
        memory.noteNotices(told, supply: supply)
        return (supply, events)
    }

    private static func boots(_ replica: Replica, _ condition: EngineCondition?) -> Bool {
        if case .booting = replica.state { return true }
        return condition == .starting
    }

    /// Whether this was seen to boot in time. An engine that is silent from the first look on, long after its launch,
    /// does not boot: it cannot be reached, and may well serve.
    private static func isBootWatched(_ replica: Replica, since: Timestamp, _ settings: PolicySettings) -> Bool {
        if case .booting = replica.state { return true }
        return replica.launchedAt.map { since - $0 <= settings.boot.deadline } ?? true
    }
}

/// Finds engines quickly for those who ask in the order of the list.
private struct EnginesByReplica {
    private let engines: [EngineObservation]
    private var next = 0

    init(_ engines: [EngineObservation]) { self.engines = engines }

    mutating func condition(of id: ReplicaID) -> EngineCondition? {
        if next >= engines.count || engines[next].id != id {
            guard let index = engines.firstIndex(where: { $0.id == id }) else { return nil }
            next = index
        }
        defer { next += 1 }
        return engines[next].condition
    }
}
