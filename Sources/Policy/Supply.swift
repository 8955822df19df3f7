package import Fleet

/// The replicas of a pool, each in exactly one place: what the control plane says, joined with what the engines say.
///
/// In the order of their names, except those that drain.
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
        let answering = engines.indices.count { engines[$0].condition.tellsLoad }
        memory.noteSilence(engines, now: now)
        let longSilent = memory.silent.filter { now - $0.since > settings.lostAfter }.map(\.id)
        // When most engines fall silent at once it is the observer that is cut off, not the replicas that are gone.
        let lost = answering > longSilent.count ? Set(longSilent) : []

        func isGone(_ known: PoolMemory.Since) -> Bool {
            !(fleet.replicas.place(of: known.id).map { fleet.replicas[$0].isListed } ?? false)
        }
        memory.draining.removeAll(where: isGone)
        memory.removed.removeAll(where: isGone)
        supply.serving.reserveCapacity(fleet.replicas.count)
        let leaving = memory.leavingSoon(fleet, settings, now: now)
        var told: [ReplicaID] = []
        var bootingNow: [ReplicaID] = []
        var deadNow: [ReplicaID] = []

        for place in fleet.replicas.indices where fleet.replicas[place].isListed {
            let (id, state) = (fleet.replicas[place].id, fleet.replicas[place].state)
            let condition = byReplica.condition(of: id)
            if case .failed = state {
                supply.failed.append(id)
            } else if memory.draining.since(id) != nil {
                supply.draining.append(id)
            } else if boots(state, condition) {
                bootingNow.append(id)
                // Counted from the first look at it: a controller that comes late has not seen it miss anything.
                let since = memory.booting.since(id) ?? now
                if now - since <= settings.boot.deadline {
                    if leaving.contains(id) { told.append(id) } else { supply.booting.append(id) }
                } else if isBootWatched(fleet.replicas[place], since: since, settings) {
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
            } else if case .sleeping = condition {
                supply.sleeping.append(id)
            } else if lost.contains(id) {
                supply.lost.append(id)
            } else if leaving.contains(id) {
                told.append(id)
            } else {
                supply.serving.append(id)
            }
        }

        for boot in memory.booting where supply.serving.place(of: boot.id) != nil {
            guard let place = fleet.replicas.place(of: boot.id),
                isBootWatched(fleet.replicas[place], since: boot.since, settings)
            else { continue }
            let launched = fleet.replicas[place].launchedAt ?? boot.since
            let answered = engines.place(of: boot.id).flatMap { engines[$0].answeringSince } ?? now
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

    private static func boots(_ state: ReplicaState, _ condition: EngineCondition?) -> Bool {
        if case .booting = state { return true }
        if case .starting = condition { return true }
        return false
    }

    /// Whether this was seen to boot in time. An engine that is silent from the first look on, long after its launch,
    /// does not boot: it cannot be reached, and may well serve.
    private static func isBootWatched(_ replica: Replica, since: Timestamp, _ settings: PolicySettings) -> Bool {
        if case .booting = replica.state { return true }
        return replica.launchedAt.map { since - $0 <= settings.boot.deadline } ?? true
    }
}

extension Replica {
    /// Whether its group counts it in its size.
    var isListed: Bool {
        switch state {
        case .terminating, .stopped: false
        case .booting, .ready, .failed: true
        }
    }
}

extension EngineCondition {
    /// Whether what the engine has to do is known.
    var tellsLoad: Bool {
        switch self {
        case .answering, .leftoverGauges: true
        case .starting, .silent, .mute, .sleeping, .dead: false
        }
    }
}

/// Finds engines quickly for those who ask in the order of the list.
private struct EnginesByReplica {
    private let engines: [EngineObservation]
    private var next = 0

    init(_ engines: [EngineObservation]) { self.engines = engines }

    mutating func condition(of id: ReplicaID) -> EngineCondition? {
        if next >= engines.count || engines[next].id != id {
            guard let place = engines.place(of: id) else { return nil }
            next = place
        }
        defer { next += 1 }
        return engines[next].condition
    }
}
